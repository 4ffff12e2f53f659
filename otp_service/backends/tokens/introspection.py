"""Tells a backend whether an access token is good at this moment, and what it says (RFC 7662)."""

from typing import Any

from otp_service.accounts import users
from otp_service.core import clock
from otp_service.core.services import settings
from otp_service.sessions import tokens
from otp_service.sessions.errors import InvalidToken

INACTIVE = {"active": False}
"""The one response to every other text: it must not tell why (RFC 7662, section 2.2)."""


def introspect(text: str) -> dict[str, Any]:
    """Return what an access token of a live session says, by the names of RFC 7662; for any other text, INACTIVE.

    `is_verified` is read from the account: a number may be lost while a token that names it verified lives.
    """
    try:
        token = tokens.inspect(text)
    except InvalidToken:
        return INACTIVE
    caller = token.caller
    # One statement reads account and session. A lock ends the sessions; to check it as well is free.
    account = users.find_with_session(caller.user_id, caller.session_id, now=clock.now())
    if account is None or account.locked_at is not None:
        return INACTIVE
    return {
        "active": True,
        "sub": str(caller.user_id),
        "sid": caller.session_id,
        "exp": token.expires_at,
        "iat": token.issued_at,
        "iss": settings().tokens.issuer,
        "aud": settings().tokens.audience,
        "amr": caller.amr,
        "acr": caller.acr,
        "auth_time": int(caller.authenticated_at.timestamp()),
        "is_verified": account.is_verified,
    }
