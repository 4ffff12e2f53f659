"""The decorator that a route wears when only a signed-in person may call it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import request

from otp_service.core import clock
from otp_service.core.web.tracing import concerns
from otp_service.sessions import services, tokens
from otp_service.sessions.errors import AccessTokenRequired, InvalidToken

View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, by a valid access token of a live session; the last three as the token says (seconds)."""

    user_id: int
    session_id: uuid.UUID
    acr: str
    auth_time: int
    amr: tuple[str, ...] = ()


def signed_in(view: View) -> View:
    """Hand the view its Caller as the first argument. Raises AccessTokenRequired, InvalidToken (both 401)."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return view(_caller(), *args, **kwargs)

    wrapped.needs_token = True  # type: ignore[attr-defined]
    return wrapped


def token_bearer(view: View) -> View:
    """As `signed_in`, for a view whose service itself looks whether the session lives, in its own one statement."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return view(_bearer(), *args, **kwargs)

    wrapped.needs_token = True  # type: ignore[attr-defined]
    return wrapped


def _caller() -> Caller:
    caller = _bearer()
    if not services.is_live(caller.session_id, user_id=caller.user_id, now=clock.now()):
        raise InvalidToken
    return caller


def _bearer() -> Caller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.lstrip(" ")
    if scheme.lower() != "bearer" or not token:
        raise AccessTokenRequired
    claims = tokens.read(token)
    concerns(claims.user_id)
    return Caller(claims.user_id, claims.session_id, claims.acr, claims.auth_time, claims.amr)
