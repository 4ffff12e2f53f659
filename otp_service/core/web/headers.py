"""What every answer tells browsers: nothing in it is a page, a frame, a script or a type that it does not claim to be.

Put on at WSGI's own level, where a header is a plain pair: a response's headers check each name and value once more.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ALWAYS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "geolocation=(), microphone=(), camera=()"),
    ("Cross-Origin-Resource-Policy", "same-site"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
]
HSTS = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")


def with_security_headers(app: "WSGIApplication") -> "WSGIApplication":
    """Add the headers to each answer of `app`, and HSTS to those that went over TLS."""
    over_tls = [*ALWAYS, HSTS]

    def guarded(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        added = over_tls if environ["wsgi.url_scheme"] == "https" else ALWAYS

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None, /
        ) -> Callable[[bytes], object]:
            return start_response(status, headers + added, exc_info)

        return app(environ, start)

    return guarded
