"""Sessions of browsers: the refresh token in a cookie that no script reads, guarded against forged requests (ADR 41).

A client asks for the cookie with `X-Token-Transport: cookie`. Requests that carry it need the session's CSRF token in
`X-CSRF-Token`. The two cookies and the header have the names of flask-jwt-extended, so libraries for it know them.
"""

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from functools import wraps
from typing import Any

from flask import request

from otp_service.core.errors import InvalidInput
from otp_service.core.web import cookies
from otp_service.sessions.access import find_caller, signed_in
from otp_service.sessions.errors import CsrfTokenInvalid, InvalidToken, TokenReused
from otp_service.sessions.refresh_tokens import RefreshToken
from otp_service.sessions.tokens import Caller, Tokens

View = Callable[..., Any]
TRANSPORT_HEADER = "X-Token-Transport"
CSRF_HEADER = "X-CSRF-Token"
REFRESH_COOKIE = "refresh_token_cookie"
CSRF_COOKIE = "csrf_refresh_token"


class Transport(StrEnum):
    """How a refresh token travels."""

    BODY = "body"
    COOKIE = "cookie"


def hands_out_tokens(view: View) -> View:
    """Put the refresh token of the view's result where the client asks for it. Raises InvalidInput."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        asked = _asked_transport()  # first: a wrong header must not spend a code
        return _handed_out(view(*args, **kwargs), asked or Transport.BODY)

    wrapped.hands_out_tokens = True  # type: ignore[attr-defined]
    return wrapped


def renews_tokens(view: View) -> View:
    """Put the refresh token of a session that goes on where its earlier one is: what came by cookie goes by cookie.

    Raises InvalidInput, RepeatedCookie and CsrfTokenInvalid before the view does anything.
    """

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        asked = _asked_transport()
        if asked is Transport.COOKIE:
            return _handed_out(view(*args, **kwargs), asked)
        # The earlier token stops working. In the body, its successor would leave the browser with a dead cookie.
        has_cookie = cookies.is_sent(REFRESH_COOKIE) and _presented() is not None
        if has_cookie and asked is Transport.BODY:
            raise _leaves_cookie()
        return _handed_out(view(*args, **kwargs), Transport.COOKIE if has_cookie else Transport.BODY)

    wrapped.hands_out_tokens = wrapped.checks_cookie = True  # type: ignore[attr-defined]
    return wrapped


def exchanges_token(view: View) -> View:
    """Pass the refresh token of the body, or else of the cookie, to the view; what came by cookie goes by cookie.

    Raises InvalidInput, RepeatedCookie, CsrfTokenInvalid before anything is rotated, and InvalidToken.
    """

    @wraps(view)
    def wrapped(body: dict[str, Any]) -> Any:
        asked = _asked_transport()
        if "refresh_token" in body:
            return _handed_out(view(body["refresh_token"]), asked or Transport.BODY)
        if asked is Transport.BODY:  # a script could take the token out of the cookie's protection
            raise _leaves_cookie()
        token = _presented()
        if token is None:
            raise InvalidToken
        return _handed_out(_forgetting_refused(view, token), Transport.COOKIE)

    wrapped.hands_out_tokens = wrapped.takes_cookie = True  # type: ignore[attr-defined]
    return wrapped


def leaves(view: View) -> View:
    """Pass the caller and the refresh token of the cookie to the view; one of them may be None. The cookies end.

    Raises AccessTokenRequired, InvalidToken, RepeatedCookie, CsrfTokenInvalid.
    """
    by_access_token = signed_in(lambda caller: view(caller, None))

    @wraps(view)
    def wrapped() -> Any:
        if not cookies.is_sent(REFRESH_COOKIE):
            return by_access_token()
        token, caller = _presented(), find_caller()
        if token is None and caller is None:
            raise InvalidToken
        result = _forgetting_refused(view, caller, token)
        _forget()
        return result

    wrapped.needs_token = wrapped.takes_cookie = True  # type: ignore[attr-defined]
    return wrapped


def ends_cookies(view: View) -> View:
    """Delete the cookies, where the browser sent them, after the view has ended their session."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = view(*args, **kwargs)
        if cookies.is_sent(REFRESH_COOKIE):
            _forget()
        return result

    return wrapped


def sends_cookie() -> bool:
    """Whether the request carries the cookie with the refresh token."""
    return cookies.is_sent(REFRESH_COOKIE)


def _asked_transport() -> Transport | None:
    asked = request.headers.get(TRANSPORT_HEADER)
    if asked is not None and asked not in set(Transport):
        raise InvalidInput(fields={TRANSPORT_HEADER: [f"Send one of {', '.join(Transport)}, or leave it out."]})
    return Transport(asked) if asked is not None else None


def _leaves_cookie() -> InvalidInput:
    fault = "A refresh token that comes in a cookie goes into a cookie. Send cookie, or leave the header out."
    return InvalidInput(fields={TRANSPORT_HEADER: [fault]})


def _handed_out(result: Any, transport: Transport) -> Any:
    if transport is Transport.BODY:
        return result
    given = asdict(result) if isinstance(result, Tokens) else result
    token = RefreshToken.parse(given.get("refresh_token", ""))
    if token is None:  # a second step is due, or a phone was verified by name
        return given
    seconds, csrf_token = given["session_seconds"], token.csrf_token
    cookies.keep(REFRESH_COOKIE, token.text, seconds=seconds)
    cookies.keep(CSRF_COOKIE, csrf_token, seconds=seconds, is_for_scripts=True)
    # In the body as well: a page of another host than ours cannot read our cookies.
    rest = {name: value for name, value in given.items() if name != "refresh_token"}
    return {**rest, "csrf_token": csrf_token}


def _presented() -> str | None:
    """Return the refresh token of the cookie if one of the session's pages sent it; None for a text that is none."""
    text = cookies.find(REFRESH_COOKIE)
    token = RefreshToken.parse(text or "")
    if token is None:
        _forget()
        return None
    # Before any statement. The token is bound to the session, so a planted cookie with a header to match opens nothing.
    if not token.allows(request.headers.get(CSRF_HEADER, "")):
        raise CsrfTokenInvalid
    return text


def _forgetting_refused(view: View, *args: Caller | str | None) -> Any:
    try:
        return view(*args)
    except (InvalidToken, TokenReused):
        _forget()  # the browser would send it again and again
        raise


def _forget() -> None:
    cookies.forget(REFRESH_COOKIE)
    cookies.forget(CSRF_COOKIE)
