"""The mail inbox of development: it shows the e-mails that no mail server sends. Production does not have it.

`/mail` is for people, `/mail.json` for programs, `/mail/<id>.html` shows a message as its recipient would see it.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from flask import Flask
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Request, Response

from otp_service import outbox
from otp_service.config import Config
from otp_service.config.server import ServerSettings
from otp_service.core.addresses import is_loopback, is_private
from otp_service.mail.settings import MailSettings
from otp_service.outbox import Opened

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MESSAGES_SHOWN = 200
_FOLDER = Path(__file__).parent / "assets"
# Both inboxes, mail and phone, share one style and one script. They are read, not imported, from the simulator: it
# stands alone, and no package of the service imports it.
_SHARED = Path(__file__).parents[1] / "simulator" / "assets"
_ASSETS = {"/page.css": ("inbox.css", "text/css"), "/page.js": ("inbox.js", "text/javascript")}
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


def init_mail_page(app: Flask, config: Config) -> None:
    """Mount the page in front of the application, unless this is production or a mail server is set."""
    if config.is_production or config.of(MailSettings).server is not None:
        return
    # Mounted as WSGI, not as a blueprint: it is no part of the API (ADR 12).
    page = MailPage(app, config.server)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/mail": page, "/mail.json": page})  # type: ignore[method-assign]


class MailPage:
    """A WSGI application of its own."""

    def __init__(self, app: Flask, server: ServerSettings) -> None:
        self._app = app
        self._server = server
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, autoescape=select_autoescape(["html"])
        )

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Respond to requests from this machine, and with ALLOW_INSECURE_DEVELOPMENT from its private network."""
        request = Request(environ)
        with self._app.app_context():
            response = self._respond(request) if self._may_see(request) else Response("Not found.\n", 404)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response(environ, start_response)

    def _may_see(self, request: Request) -> bool:
        """Whether the client is on this machine. The messages hold links that sign in and reset passwords."""
        # Behind a proxy the socket's address is the proxy's, so a request from anywhere would look local.
        if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
            return False
        address = (request.remote_addr or "").partition("%")[0]
        if self._server.is_open_development:
            return is_private(address)
        # The name too: a page of another origin whose name an attacker points at this machine must not read them.
        host = urlsplit(f"//{request.host}").hostname or ""
        return is_loopback(address) and (is_loopback(host) or host == urlsplit(self._server.public_url or "").hostname)

    def _respond(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return Response("Only GET.\n", 405, {"Allow": "GET, HEAD"})
        if request.root_path.endswith("/mail.json") and not request.environ["PATH_INFO"]:
            return _as_json(_shown(request))
        path = request.environ["PATH_INFO"]
        if path in _ASSETS:
            name, kind = _ASSETS[path]
            return Response((_SHARED / name).read_bytes(), content_type=f"{kind}; charset=utf-8")
        if path in {"", "/"}:
            return self._page(request)
        return _as_recipients_see_it(path)

    def _page(self, request: Request) -> Response:
        shown, to = _shown(request), request.args.get("to", "").strip()
        text = self._templates.get_template("mail_page.html").render(
            messages=shown, to=to, at_most=MESSAGES_SHOWN, is_link=_LINK.fullmatch
        )
        return Response(text, mimetype="text/html")


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
            "at": opened.created_at,
            "messageId": opened.message.message_id,
        }
        for opened in messages
    ]
    return Response(
        orjson.dumps({"messages": listed}, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE),
        mimetype="application/json",
    )


def _as_recipients_see_it(path: str) -> Response:
    """Show the HTML of one message in a sandbox: no script runs, and no resource is fetched."""
    for opened in outbox.read(limit=MESSAGES_SHOWN):
        if path == f"/{opened.id}.html":
            return Response(opened.message.html, mimetype="text/html", headers=_MESSAGE_POLICY)
    return Response("Not found.\n", 404)
