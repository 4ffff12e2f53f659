"""Refresh tokens: one family per session, each generation derived from the first token (ADR 8).

The first token of a family is random: `rt_` and 256 bits. A later one is `<first>.<generation>.<MAC>`, and the MAC uses
the service's own keys. The database holds a keyed hash of the first token and the number of the live generation. So a
copy of the database yields no token, and the service can derive the same successor twice.
"""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Self

from sqlalchemy import Integer, Row, ScalarSelect, bindparam, case, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from otp_service import audit
from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring, new_token
from otp_service.core.database.transactions import UtcDateTime, execute, execute_alone, fetch_one, transaction
from otp_service.core.errors import TooMany
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo, concerns
from otp_service.sessions import tokens
from otp_service.sessions.errors import InvalidToken, TokenReused
from otp_service.sessions.lifetime import idle_since, is_alive, lives_by, seconds_left
from otp_service.sessions.models import Session
from otp_service.sessions.tokens import Caller, Tokens

OWNER = Session.user_id
"""For statements about the owner of a session."""

LOST_RESPONSE_GRACE = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)
NO_LIMIT = 2**30
_FAMILY = "refresh token"
_GENERATION = "refresh token generation"
_CSRF = "csrf token of a session"
_FORM = re.compile(r"(?P<first>rt_[A-Za-z0-9_-]{43})(?:\.(?P<generation>[1-9][0-9]{0,8})\.(?P<mac>[A-Za-z0-9_-]{43}))?")
_COLUMNS = (
    Session.id, Session.user_id, Session.amr, Session.acr, Session.authenticated_at, Session.expires_at,
)  # fmt: skip
_STATE = (
    Session.generation, Session.rotated_at, Session.minute_started_at,
    Session.ended_at, Session.last_used_at,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A token of a family, made by this service or checked by its MAC."""

    first: str
    generation: int

    @classmethod
    def new(cls) -> Self:
        """Make the first token of a new family."""
        return cls(new_token("rt"), 0)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the token that a client sent; None for a text that this service never issued. Reads no database."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        if found["generation"] is None:
            return cls(found["first"], 0)
        signed = f"{found['first']}.{found['generation']}"
        macs = keyring().digests(signed, purpose=_GENERATION)
        if not any(hmac.compare_digest(found["mac"], mac) for mac in macs):
            return None
        return cls(found["first"], int(found["generation"]))

    @property
    def text(self) -> str:
        """The form that the client holds."""
        if self.generation == 0:
            return self.first
        signed = f"{self.first}.{self.generation}"
        return f"{signed}.{keyring().digest(signed, purpose=_GENERATION)}"

    @property
    def family_hash(self) -> str:
        """The hash that is stored for the family."""
        return keyring().digest(self.first, purpose=_FAMILY)

    @property
    def family_hashes(self) -> tuple[str, ...]:
        """The hashes that may be stored for the family, one for each key in use."""
        return keyring().digests(self.first, purpose=_FAMILY)

    @property
    def csrf_token(self) -> str:
        """What a page sends to show that it may use the cookie of this family, whichever generation it is (ADR 41)."""
        return keyring().digest(self.first, purpose=_CSRF)

    def allows(self, csrf_token: str) -> bool:
        """Whether a request that carries this token as a cookie was made by a page that may use it."""
        # As bytes: compare_digest raises TypeError for a text that is not ASCII.
        given = csrf_token.encode()
        return any(hmac.compare_digest(given, known.encode()) for known in keyring().digests(self.first, purpose=_CSRF))

    def successor(self) -> "RefreshToken":
        """Derive the next generation. It is the same one each time."""
        return RefreshToken(self.first, self.generation + 1)


def rotate(text: str, *, is_verified: ScalarSelect[bool], client: ClientInfo) -> Tokens:
    """Replace a refresh token by its successor and sign a new access token; the old refresh token stops working.

    `is_verified` is a subquery about the session's OWNER. The statement that rotates contains it, so make it once.
    Raises InvalidToken, TokenReused after it ended the session, TooMany.
    """
    now = clock.now()
    # A wrong MAC costs no statement (ADR 8).
    token = RefreshToken.parse(text)
    if token is None:
        raise InvalidToken
    row = _advance(token, is_verified, client, now)
    if row is None:
        row = _find_lost_response(token, is_verified, client, now)
    # No audit event: refreshes would fill the trail, and `last_used_at` and the request's log line say as much.
    concerns(row.user_id)
    caller = Caller(
        user_id=row.user_id,
        amr=tuple(row.amr.split()),
        acr=row.acr,
        authenticated_at=row.authenticated_at,
        is_verified=bool(row.is_verified),
        session_id=row.id,
    )
    return tokens.hand_out(
        caller, refresh_token=token.successor().text, session_seconds=seconds_left(row.expires_at, now)
    )


def _advance(
    token: RefreshToken, is_verified: ScalarSelect[bool], client: ClientInfo, now: datetime
) -> Row[Any] | None:
    """Move the family to the next generation if the token is the live one."""
    limit = settings().limits.refresh_per_minute if settings().limits.enabled else NO_LIMIT
    hashes = token.family_hashes
    values = {
        "first_hash": hashes[0],
        "of_generation": token.generation,
        "now": now,
        "used_after": idle_since(now),
        "minute_ago": now - MINUTE,
        "in_a_minute": now + MINUTE,
        "minute_limit": limit,
        "from_ip": client.ip,
        "by_agent": client.agent,
    }
    for stored_hash in hashes:  # more than one only while ENCRYPTION_KEY is being rotated
        if rows := execute_alone(_make_advance(is_verified), values | {"stored_hash": stored_hash}):
            return rows[0]
    return None


@cache
def _make_advance(is_verified: ScalarSelect[bool]) -> ReturningUpdate[Any]:
    """Build the statement of `_advance` once: it is the most frequent write of the service."""
    names = ("now", "minute_ago", "in_a_minute", "used_after")
    now, minute_ago, in_a_minute, used_after = (bindparam(name, type_=UtcDateTime) for name in names)
    started = Session.minute_started_at
    # A minute that starts later than in a minute was written by a clock that was ahead: no refresh waits for its end.
    is_new_minute = or_(started.is_(None), started <= minute_ago, started > in_a_minute)
    is_within_limit = Session.generation - Session.minute_generation < bindparam("minute_limit", type_=Integer)
    is_live = (Session.generation == bindparam("of_generation")) & lives_by(now, used_after)
    # The race between requests with one token: each looks for the generation that it holds and moves it on in the same
    # statement, so exactly one of them finds it (ADR 8).
    statement = update(Session).where(
        Session.refresh_hash == bindparam("stored_hash"), is_live, or_(is_new_minute, is_within_limit)
    )
    return statement.values(
        generation=Session.generation + 1,
        # The newest encryption key takes over the family's hash, so an old key can be dropped after a while.
        refresh_hash=bindparam("first_hash"),
        rotated_at=now,
        last_used_at=now,
        minute_started_at=case((is_new_minute, now), else_=Session.minute_started_at),
        minute_generation=case((is_new_minute, Session.generation), else_=Session.minute_generation),
        ip=bindparam("from_ip"),
        agent=bindparam("by_agent"),
    ).returning(*_COLUMNS, is_verified.label("is_verified"))


def _find_lost_response(
    token: RefreshToken, is_verified: ScalarSelect[bool], client: ClientInfo, now: datetime
) -> Row[Any]:
    """Return the session of a token that did not rotate, if its response may have got lost; else raise why not."""
    is_of_family = Session.refresh_hash.in_(token.family_hashes)
    row = fetch_one(select(*_COLUMNS, *_STATE, is_verified.label("is_verified")).where(is_of_family))
    # A generation from the future: the database was restored from an older backup.
    if row is None or not is_alive(row, now) or token.generation > row.generation:
        raise InvalidToken
    if token.generation == row.generation:  # the live token: only the limit per minute can have stopped it
        opens_at = (row.minute_started_at or now) + MINUTE
        raise TooMany(retry_after_seconds=min((opens_at - now).total_seconds(), MINUTE.total_seconds()))
    # The previous token may come again for ten seconds and gets the same successor, so at no time two tokens are live.
    # Once that successor was used, or later, a second party holds a copy (ADR 8; RFC 9700, section 4.14.2).
    is_previous = token.generation == row.generation - 1
    if not is_previous or row.rotated_at is None or now - row.rotated_at > LOST_RESPONSE_GRACE:
        _end_reused(row, client, now)
        raise TokenReused
    return row


def _end_reused(row: Row[Any], client: ClientInfo, now: datetime) -> None:
    """End the session, and so the whole family: which of the two parties is the thief cannot be known (ADR 8)."""
    is_open = (Session.id == row.id) & Session.ended_at.is_(None)
    with transaction():
        # Of many reuses at once, the one that ends the session records the event.
        if execute(update(Session).where(is_open).values(ended_at=now)).rowcount == 1:
            audit.record("session.token_reused", user_id=row.user_id, client=client, at=now, sessionId=str(row.id))
