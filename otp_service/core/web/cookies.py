"""Cookies that browsers send back to this host alone, over TLS, from its own site: their names and attributes."""

from flask import Response, after_this_request, request

from otp_service.core.errors import InvalidInput
from otp_service.core.services import settings

HOST_PREFIX = "__Host-"
"""Browsers accept such a name from TLS alone, for one host and the whole of it (RFC 6265bis, section 4.1.3.2)."""


class RepeatedCookie(InvalidInput):
    """A cookie came twice: another host of the domain, or a page under another path, has set one of the same name."""

    code = "cookie_repeated"
    title = "The cookie of the session came more than once. Delete this site's cookies and sign in again."


def named(base: str, *, is_over_tls: bool) -> str:
    """Return the name of a cookie on the wire: with the prefix where TLS is, so that no other host can set it."""
    return f"{HOST_PREFIX}{base}" if is_over_tls else base


def name_of(base: str) -> str:
    """Return the name for the current request."""
    # The scheme is the socket's, or what the trusted proxies say: headers of others never reach it.
    return named(base, is_over_tls=settings().server.has_tls or request.is_secure)


def is_sent(base: str) -> bool:
    """Whether the request has the cookie."""
    return name_of(base) in request.cookies


def find(base: str) -> str | None:
    """Return the cookie that the request has; None without one. Raises RepeatedCookie."""
    values = request.cookies.getlist(name_of(base))
    if len(values) > 1:  # the browser's order says which path is longer, and not which one is ours
        raise RepeatedCookie
    return values[0] if values else None


def keep(base: str, value: str, *, seconds: int, is_for_scripts: bool = False) -> None:
    """Let the browser keep a cookie. Scripts read only what is for them."""
    name = name_of(base)

    @after_this_request
    def add(response: Response) -> Response:
        # Browsers take http://localhost for a secure place, so this needs no TLS in development (ADR 41).
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=True, httponly=not is_for_scripts, samesite="Strict"
        )
        return response


def forget(base: str) -> None:
    """Let the browser delete a cookie, also if the request fails afterwards."""
    keep(base, "", seconds=0)
