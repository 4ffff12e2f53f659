"""Describes the sessions of browsers: the headers that ask for cookies, the cookies, and what they open (ADR 41)."""

from typing import Any

from otp_service.core.web import cookies
from otp_service.core.web.api import View
from otp_service.sessions.browsers import CSRF_COOKIE, CSRF_HEADER, REFRESH_COOKIE, TRANSPORT_HEADER, Transport

JsonSchema = dict[str, Any]
_COOKIE, _CSRF = "refreshCookie", "csrfToken"


def schemes() -> dict[str, JsonSchema]:
    """Return the security schemes of browsers; a request needs both of them."""
    about = (
        f"The refresh token, set by a response to `{TRANSPORT_HEADER}: cookie`; no script can read it. "
        f"Without TLS, in development, its name is `{REFRESH_COOKIE}`."
    )
    csrf = {"type": "apiKey", "in": "header", "name": CSRF_HEADER, "description": "The session's `csrfToken`."}
    return {
        _COOKIE: {"type": "apiKey", "in": "cookie", "name": _name_of(REFRESH_COOKIE), "description": about},
        _CSRF: csrf,
    }


def security(view: View) -> list[JsonSchema]:
    """Return how a browser may authenticate in place of an access token."""
    takes_cookie = getattr(view, "takes_cookie", False) and getattr(view, "needs_token", False)
    return [{_COOKIE: [], _CSRF: []}] if takes_cookie else []


def parameters(view: View) -> list[JsonSchema]:
    """Return the headers that a route with refresh tokens takes."""
    found = []
    if getattr(view, "hands_out_tokens", False):
        about = "Where the refresh token of the response goes: into the body, or into a cookie for a browser."
        shape = {"type": "string", "enum": [*map(str, Transport)], "default": str(Transport.BODY)}
        found.append({"in": "header", "name": TRANSPORT_HEADER, "schema": shape, "description": about})
    if getattr(view, "takes_cookie", False) or getattr(view, "checks_cookie", False):
        about = "The session's `csrfToken`, which a request with the cookie needs."
        found.append({"in": "header", "name": CSRF_HEADER, "schema": {"type": "string"}, "description": about})
    return found


def add_headers(responses: JsonSchema, view: View) -> None:
    """Describe the cookies in the successful responses of a route with refresh tokens."""
    refresh, csrf = _name_of(REFRESH_COOKIE), _name_of(CSRF_COOKIE)
    about = (
        f"With `{TRANSPORT_HEADER}: cookie`, `{refresh}` (HttpOnly) and `{csrf}`; deleted at the end of the session."
    )
    if not (getattr(view, "hands_out_tokens", False) or getattr(view, "takes_cookie", False)):
        return
    for status, response in responses.items():
        if status.startswith("2"):
            response["headers"] = {"Set-Cookie": {"schema": {"type": "string"}, "description": about}}


def _name_of(base: str) -> str:
    return cookies.named(base, is_over_tls=True)
