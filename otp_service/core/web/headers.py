"""What every response carries and what the log says about it: request id, security headers, CORS, one access line."""

import logging
import re
import time
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Rule

from otp_service.core.web import slow_requests
from otp_service.core.web.body import BODY_LIMIT_BYTES
from otp_service.core.web.path_ids import IdConverter, NumberConverter
from otp_service.core.web.request_limits import FORWARD_AUTH, UNLIMITED
from otp_service.core.web.tracing import client_address, request_id, use_plain_addresses

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

POLICY = "Content-Security-Policy"
ALWAYS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "geolocation=(), microphone=(), camera=()"),
    ("Cross-Origin-Resource-Policy", "same-site"),
    (POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
]
"""No response is a page, a frame, a script, or a type other than the one that it names, except the pages for people."""

PAGE_POLICY = "otp_service.page_policy"
"""Set in the WSGI environment of a page that brings a policy of its own."""

HSTS = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
ALLOWED = ["Authorization", "Content-Type", "X-Request-ID"]
FOR_COOKIES = ["X-CSRF-Token", "X-Token-Transport"]
"""Headers that pages of other origins may send; the latter with FRONTEND_CREDENTIALS."""

log = logging.getLogger("otp_service.access")


class LateRule(Rule):
    """A route that compiles what builds its URLs at the first use: few URLs are built, and a start has many routes."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = cache(partial(super()._compile_builder, append_unknown))
        return lambda rule, /, **values: compiled()(rule, **values)


class SynchronousFlask(Flask):
    """Flask for views and hooks that are plain functions. It skips the check of each of them at every request."""

    url_rule_class = LateRule

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


def init_http(
    app: Flask,
    *,
    trusted_proxies: int,
    origins: tuple[str, ...],
    with_credentials: bool = False,
    public_path: str = "",
) -> None:
    """Limit the body, trust this many reverse proxies, and let pages of these origins read responses.

    `with_credentials` lets these pages send cookies. `public_path` may stand before each path of a request.
    """
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT_BYTES + 1  # werkzeug cuts a chunked body off there without an error
    app.url_map.converters["id"] = IdConverter
    app.url_map.converters["number"] = NumberConverter
    app.url_map.merge_slashes = False  # werkzeug builds the redirect to a path without `//` from the Host header
    app.wsgi_app = with_security_headers(use_plain_addresses(app.wsgi_app))  # type: ignore[method-assign, assignment]
    if public_path:
        app.wsgi_app = under(public_path, app.wsgi_app)  # type: ignore[method-assign, assignment]
    if trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=trusted_proxies, x_proto=trusted_proxies)  # type: ignore[method-assign]
    _allow_origins(app, origins, with_credentials)
    app.before_request(_start)
    app.before_request(_answer_preflight)
    app.after_request(_finish)


def with_security_headers(app: "WSGIApplication") -> "WSGIApplication":
    """Add the security headers to each response of `app`, and HSTS to those that went over TLS."""
    over_tls = [*ALWAYS, HSTS]

    # At WSGI's level, where a header is a plain pair: werkzeug checks each name and value once more (ADR 16).
    def guarded(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        added = over_tls if environ["wsgi.url_scheme"] == "https" else ALWAYS

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None, /
        ) -> Callable[[bytes], object]:
            more = [pair for pair in added if pair[0] != POLICY] if PAGE_POLICY in environ else added
            return start_response(status, headers + more, exc_info)

        return app(environ, start)

    return guarded


def under(path: str, app: "WSGIApplication") -> "WSGIApplication":
    """Serve `app` under a path. Requests without it are served too: many proxies strip it."""

    def mounted(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        rest = environ.get("PATH_INFO", "").removeprefix(path)
        if rest != environ.get("PATH_INFO", "") and (not rest or rest.startswith("/")):
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + path
            environ["PATH_INFO"] = rest
        return app(environ, start_response)

    return mounted


def _allow_origins(app: Flask, origins: tuple[str, ...], with_credentials: bool) -> None:
    """Let pages of these origins, and of no other, read the responses of the API (the CORS protocol).

    Pages of every origin may read the public documents: keys and metadata, which have no secret and no person.
    """
    # Always sent, since a cache may give one page what another one fetched.
    resources: dict[str | re.Pattern[str], dict[str, Any]] = {
        r"/\.well-known/.*": {"origins": "*", "send_wildcard": True, "always_send": True},
    }
    if origins:
        # Patterns, because flask-cors takes a text with brackets for one. It matches at the start only, hence `\Z`.
        resources[r"/api/.*"] = {
            "origins": [re.compile(re.escape(origin) + r"\Z") for origin in origins],
            "supports_credentials": with_credentials,
            # Without credentials the browser would drop the cookie with the token, so the page learns it beforehand.
            "allow_headers": [*ALLOWED, *(FOR_COOKIES if with_credentials else ())],
        }
        app.after_request(_vary_by_origin)
    CORS(
        app,
        resources=resources,
        allow_headers=ALLOWED,
        expose_headers=["X-Request-ID", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"],
        max_age=600,
        always_send=False,
        vary_header=False,
    )


def _vary_by_origin(response: Response) -> Response:
    response.vary.add("Origin")  # a cache must not give one origin the response that was meant for another
    return response


def _answer_preflight() -> Response | None:
    """Respond to a browser's question before a request, whatever the path: flask-cors adds what the page may do.

    Before the request is counted and routed: a browser shows a refused preflight as a network error, and the page would
    learn of neither the limit nor the 404.
    """
    is_from_browser = "Origin" in request.headers and "Access-Control-Request-Method" in request.headers
    # From forward auth, 200 lets a request pass: only a token may earn it (ADR 40).
    is_decision = request.endpoint == FORWARD_AUTH
    return Response() if is_from_browser and request.method == "OPTIONS" and not is_decision else None


def _start() -> None:
    g.started = time.perf_counter()
    environ = request.environ
    if environ.get("CONTENT_LENGTH", "") in {"", "0"} and "HTTP_TRANSFER_ENCODING" not in environ:
        slow_requests.is_complete()  # without a body, the headers are all there is to wait for (ADR 9)


def _finish(response: Response) -> Response:
    asked = request._get_current_object()  # type: ignore[attr-defined]
    response.headers["X-Request-ID"] = request_id() or ""
    log.log(
        logging.DEBUG if asked.endpoint in UNLIMITED else logging.INFO,
        "request",
        extra={
            "method": asked.method,
            "route": asked.url_rule.rule if asked.url_rule else "unknown",  # a raw path may hold anything
            "status": response.status_code,
            "ip": client_address(),
            "ms": round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1),
        },
    )
    return response
