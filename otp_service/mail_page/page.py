"""`/mail` for people, `/mail.json` for programs, `/mail/<id>.html` for how a message looks: newest first."""

import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from flask import Flask
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from werkzeug.wrappers import Request, Response

from otp_service import outbox
from otp_service.outbox import Opened

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MESSAGES_SHOWN = 200
_FOLDER = Path(__file__).parent / "assets"
_ASSETS = {"/page.css": "text/css", "/page.js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MESSAGE_POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups"}
_LINK = re.compile(r"https?://\S+")


class MailPage:
    """A WSGI application beside the service's own."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, autoescape=select_autoescape(["html"])
        )

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request, from this machine or its own network."""
        request = Request(environ)
        with self._app.app_context():
            response = self._answer(request) if _is_near(request) else Response("Not found.\n", 404)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return Response("Only GET.\n", 405, {"Allow": "GET, HEAD"})
        if request.root_path.endswith("/mail.json") and not request.environ["PATH_INFO"]:
            return _as_json(_shown(request))
        path = request.environ["PATH_INFO"]
        if path in _ASSETS:
            return Response((_FOLDER / path[1:]).read_bytes(), content_type=f"{_ASSETS[path]}; charset=utf-8")
        if path in {"", "/"}:
            return self._page(request)
        return _as_it_looks(path)

    def _page(self, request: Request) -> Response:
        shown, to = _shown(request), request.args.get("to", "").strip()
        text = self._templates.get_template("page.html").render(
            messages=shown, to=to, at_most=MESSAGES_SHOWN, is_link=_LINK.fullmatch
        )
        return Response(text, mimetype="text/html")


def _is_near(request: Request) -> bool:
    """What was forwarded by a proxy may come from anywhere, whatever the socket says."""
    try:
        address = ipaddress.ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return False
    is_forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return address.is_private and not is_forwarded  # loopback counts as private


def _shown(request: Request) -> list[Opened]:
    to = request.args.get("to", "").strip().lower()
    return [opened for opened in outbox.read(limit=MESSAGES_SHOWN) if not to or opened.message.to.lower() == to]


def _as_json(messages: list[Opened]) -> Response:
    listed: list[dict[str, Any]] = [
        {
            "id": opened.id,
            "to": opened.message.to,
            "subject": opened.message.subject,
            "text": opened.message.text,
            "link": next(iter(_LINK.findall(opened.message.text)), None),
            "template": opened.template,
            "locale": opened.message.locale,
            "state": opened.state,
            "at": opened.posted_at,
            "messageId": opened.message.message_id,
        }
        for opened in messages
    ]
    return Response(orjson.dumps({"messages": listed}, option=orjson.OPT_UTC_Z), mimetype="application/json")


def _as_it_looks(path: str) -> Response:
    """The HTML of one message, boxed in: no script, nothing fetched."""
    for opened in outbox.read(limit=MESSAGES_SHOWN):
        if path == f"/{opened.id}.html":
            return Response(opened.message.html, mimetype="text/html", headers=_MESSAGE_POLICY)
    return Response("Not found.\n", 404)
