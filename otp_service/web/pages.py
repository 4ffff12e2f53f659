"""The pages for people: those that links in e-mails lead to, the start page of development, the viewer of the API.

They are mounted in front of the routes, as they are no part of the API (ADR 12). A page is rendered once for each
language, holds no data of a person and changes nothing: what acts is a button that calls the JSON API.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from werkzeug.exceptions import MethodNotAllowed

from otp_service.config import Config
from otp_service.core.text import primary_language
from otp_service.core.web.headers import PAGE_POLICY
from otp_service.core.web.problems import HttpError, render
from otp_service.core.web.tracing import client_address, request_id
from otp_service.mail.catalogue import LOCALES
from otp_service.web import link_pages, start_page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Everything comes from this origin, and no text becomes markup. A form without its script sends nothing."""

DOCS = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What Swagger UI needs: icons in its style sheet, and markup from text."""

_FOLDER = Path(__file__).parent
_ASSETS = _FOLDER / "assets"
_SHARED = ("page.css", "page.js", "second_factor.js", "icon.svg")
_READ = ("GET", "HEAD")
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_PLACES = {"{seconds}": Markup("<span data-seconds></span>"), "{request}": Markup("<code data-request></code>")}
log = logging.getLogger("otp_service.access")


@dataclass(frozen=True, slots=True)
class Page:
    """A template, and its values in a language."""

    template: str
    values: Callable[[str], Mapping[str, Any]]
    languages: tuple[str, ...] = LOCALES[:1]
    policy: str = STRICT


def init_pages(app: Flask, config: Config) -> None:
    """Mount the pages that these settings ask for. Call it before `init_http`, which adds the general headers."""
    app.wsgi_app = Pages(app, _pages(config), service=config.server.service_name)  # type: ignore[method-assign]


def _pages(config: Config) -> dict[str, Page | Path]:
    """Return what is at each path: a page, or the file of an asset."""
    found: dict[str, Page | Path] = {}
    # In production, FRONTEND_URL says that the pages are elsewhere, unless PUBLIC_URL says that they are here, too.
    if not config.is_production or config.server.public_url or not config.server.frontend_origins:
        for name in link_pages.NAMES:
            found[f"/{name}"] = Page(f"{name}.html", partial(link_pages.values, name, config.passwords), LOCALES)
    if not config.is_production:
        found["/"] = Page("start.html", lambda _: start_page.values(config))
    if config.server.has_docs:
        found["/docs"] = Page("docs.html", lambda _: {}, policy=DOCS)
        files = {name: _FOLDER / "swagger_ui" / name for name in ("swagger-ui.css", "swagger-ui-bundle.js")}
        found |= {f"/docs/{name}": file for name, file in (files | {"docs.js": _ASSETS / "docs.js"}).items()}
    return found | {f"/pages/{name}": _ASSETS / name for name in _SHARED}


class Pages:
    """A WSGI application in front of the one that serves all other paths."""

    def __init__(self, app: Flask, found: Mapping[str, Page | Path], *, service: str) -> None:
        self._app = app
        self._rest: WSGIApplication = app.wsgi_app
        self._found = found
        self._service = service
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            undefined=StrictUndefined,
            autoescape=select_autoescape(["html"]),
            trim_blocks=True,
        )
        self._templates.filters["with_places"] = _with_places
        self._rendered = lru_cache(maxsize=None)(self._render)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Respond with the page or asset at this path, or leave the request to the routes."""
        found = self._found.get(environ.get("PATH_INFO", ""))
        if found is None:
            return self._rest(environ, start_response)
        started = time.perf_counter()
        with self._app.request_context(environ) as context:
            response = self._respond(context.request, found)
            response.headers["X-Request-ID"] = request_id() or ""
            # Never the query: older links have their token there.
            facts = {"method": context.request.method, "route": environ["PATH_INFO"], "status": response.status_code}
            ms = round((time.perf_counter() - started) * 1000, 1)
            log.info("request", extra={**facts, "ip": client_address(), "ms": ms})
        return response(environ, start_response)

    def _respond(self, request: Request, found: Page | Path) -> Response:
        if request.method not in _READ:
            return render(HttpError(MethodNotAllowed(valid_methods=[*_READ])))
        if isinstance(found, Path):
            return _asset(request, found)
        language = _language(request, found.languages)
        response = Response(self._rendered(request.environ["PATH_INFO"], language), mimetype="text/html")
        response.headers["Content-Language"] = language
        response.headers["Content-Security-Policy"] = found.policy
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"  # a cache would keep the address, and an old token in it
        response.vary.add("Accept-Language")
        request.environ[PAGE_POLICY] = True
        return response

    def _render(self, path: str, language: str) -> str:
        page = self._found[path]
        if isinstance(page, Path):
            raise TypeError(f"{path} is an asset")
        values = {"language": language, "service": self._service, **page.values(language)}
        return self._templates.get_template(page.template).render(values)


def _language(request: Request, spoken: tuple[str, ...]) -> str:
    """Return the first language of the browser's that the page has: `de-AT` before `en` means German."""
    wanted = (primary_language(tag) for tag, quality in request.accept_languages if quality > 0)
    return next((tag for tag in wanted if tag in spoken), spoken[0])


def _asset(request: Request, file: Path) -> Response:
    response = Response(file.read_bytes(), mimetype=_KINDS[file.suffix])
    response.headers["Cache-Control"] = "no-cache"  # asked for again at each use, sent again when it has changed
    response.add_etag()
    response.make_conditional(request)
    return response


def _with_places(text: str) -> Markup:
    """Mark where a script fills in a number."""
    marked = escape(text)
    for name, place in _PLACES.items():
        marked = Markup(marked.replace(name, place))  # noqa: S704 - both are escaped
    return marked
