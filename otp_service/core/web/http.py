"""What every answer carries and what the log says of it: request id, security headers, CORS, one access line."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from otp_service.core.web import slow_requests
from otp_service.core.web.body import BODY_LIMIT_BYTES
from otp_service.core.web.headers import with_security_headers
from otp_service.core.web.request_limits import UNLIMITED
from otp_service.core.web.tracing import client_address, request_id, use_plain_addresses

log = logging.getLogger("otp_service.access")


class SynchronousFlask(Flask):
    """Flask for views and hooks that are plain functions: it need not look at each of them with every request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return func


def init_http(app: Flask, *, trusted_proxies: int, origins: tuple[str, ...]) -> None:
    """Bound the body, trust as many proxies as told, and decorate every answer."""
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT_BYTES + 1  # a chunked body is cut off there without an error
    app.url_map.merge_slashes = False  # werkzeug's redirect to a tidier path is built from the Host header
    app.wsgi_app = with_security_headers(use_plain_addresses(app.wsgi_app))  # type: ignore[method-assign, assignment]
    if trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=trusted_proxies, x_proto=trusted_proxies)  # type: ignore[method-assign]
    if origins:
        _allow_origins(app, origins)
    app.before_request(_start)
    app.after_request(_finish)


def _allow_origins(app: Flask, origins: tuple[str, ...]) -> None:
    """Let pages of these origins, and of no other, read what the API answers (the CORS protocol)."""
    CORS(
        app,
        # Patterns, since flask-cors would take a text with brackets for one; it looks at the start of a match alone.
        resources={r"/api/.*": {"origins": [re.compile(re.escape(origin) + r"\Z") for origin in origins]}},
        allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
        expose_headers=["X-Request-ID", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"],
        max_age=600,
        always_send=False,
        vary_header=False,
    )
    app.after_request(_vary_by_origin)


def _vary_by_origin(response: Response) -> Response:
    """No cache may give one origin what was meant for another."""
    response.vary.add("Origin")
    return response


def _start() -> None:
    g.started = time.perf_counter()
    environ = request.environ
    if environ.get("CONTENT_LENGTH", "") in {"", "0"} and "HTTP_TRANSFER_ENCODING" not in environ:
        slow_requests.is_complete()


def _finish(response: Response) -> Response:
    asked = request._get_current_object()  # type: ignore[attr-defined]
    response.headers["X-Request-ID"] = request_id() or ""
    log.log(
        logging.DEBUG if asked.endpoint in UNLIMITED else logging.INFO,
        "request",
        extra={
            "method": asked.method,
            "route": asked.url_rule.rule if asked.url_rule else "unknown",  # never the raw path: it may hold anything
            "status": response.status_code,
            "ip": client_address(),
            "ms": round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1),
        },
    )
    return response
