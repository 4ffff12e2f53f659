"""Gives a session new tokens in place of all that it has: after the password was changed in it."""

from datetime import datetime

from sqlalchemy import update

from otp_service.core.database.transactions import execute
from otp_service.sessions import refresh_tokens
from otp_service.sessions.access import Caller
from otp_service.sessions.errors import InvalidToken
from otp_service.sessions.lifetime import lives
from otp_service.sessions.models import Session
from otp_service.sessions.rotation import Refreshed
from otp_service.sessions.services import access_tokens
from otp_service.sessions.tokens import Tokens


def renew(caller: Caller, *, is_verified: bool, now: datetime) -> Tokens:
    """A new family of refresh tokens, in the open transaction; those of the old one are unknown from now on.

    Unlike a reused one, which ends the session. Raises InvalidToken when the session has ended.
    """
    token = refresh_tokens.new_family()
    is_theirs = (Session.id == caller.session_id) & (Session.user_id == caller.user_id)
    values = {"refresh_hash": token.family_hash, "generation": 0, "rotated_at": None, "last_used_at": now}
    statement = update(Session).where(is_theirs, lives(now)).values({**values, "minute_generation": 0})
    row = execute(statement.returning(Session.amr, Session.acr, Session.authenticated_at)).one_or_none()
    if row is None:
        raise InvalidToken
    amr = tuple(row.amr.split())
    renewed = Refreshed(caller.user_id, caller.session_id, amr, row.acr, row.authenticated_at, token.text, is_verified)
    return access_tokens(renewed)
