"""Exchanges a refresh token for its successor: one conditional update decides, and tells a lost answer from a theft.

A token of an older generation means that somebody kept a copy: the session ends (RFC 9700, section 4.14.2). Only the
one before the live one may come again within ten seconds, because its answer may have got lost; it gets the same
successor, so that at no moment two of them are live.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, ScalarSelect, bindparam, case, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from otp_service import audit
from otp_service.core import clock
from otp_service.core.database.transactions import UtcDateTime, execute, execute_alone, fetch_one, transaction
from otp_service.core.errors import TooMany
from otp_service.core.settings import settings
from otp_service.core.web.tracing import ClientInfo, concerns
from otp_service.sessions import refresh_tokens
from otp_service.sessions.errors import InvalidToken, TokenReused
from otp_service.sessions.lifetime import idle_since, is_alive, lives_by
from otp_service.sessions.models import Session
from otp_service.sessions.refresh_tokens import RefreshToken

OWNER = Session.user_id
"""For statements about the owner of a session."""

LOST_ANSWER_GRACE = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)
NO_LIMIT = 2**30
_COLUMNS = (Session.id, Session.user_id, Session.amr, Session.acr, Session.authenticated_at)
_STATE = (
    Session.generation, Session.rotated_at, Session.minute_started_at,
    Session.ended_at, Session.expires_at, Session.last_used_at,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A session whose refresh token was exchanged, before the access token is made."""

    user_id: int
    session_id: uuid.UUID
    amr: tuple[str, ...]
    acr: str
    authenticated_at: datetime
    refresh_token: str
    is_verified: bool


def rotate(text: str, *, is_verified: ScalarSelect[bool], client: ClientInfo) -> Refreshed:
    """Exchange a refresh token for its successor; the old one is dead.

    `is_verified` tells of the owner of a session (see OWNER): the same statement reads it. It is made once, and so is
    the statement. Raises InvalidToken, TokenReused after the session was ended for it, TooMany.
    """
    now = clock.now()
    token = refresh_tokens.read(text)
    if token is None:
        raise InvalidToken
    row = _advance(token, is_verified, client, now)
    if row is None:
        row = _find_lost_answer(token, is_verified, client, now)
    # No event: it says no more than `last_used_at` and the log's line on the request, and comes from everybody.
    concerns(row.user_id)
    successor = token.successor().text
    return Refreshed(
        row.user_id, row.id, tuple(row.amr.split()), row.acr, row.authenticated_at, successor, bool(row.is_verified)
    )


def _advance(
    token: RefreshToken, is_verified: ScalarSelect[bool], client: ClientInfo, now: datetime
) -> Row[Any] | None:
    """Move the family one generation on, if the token is the live one: of many at once, one finds it so."""
    limit = settings().rate_limit_refresh_per_minute if settings().rate_limits_enabled else NO_LIMIT
    hashes = token.family_hashes
    values = {
        "first_hash": hashes[0],
        "of_generation": token.generation,
        "now": now,
        "used_after": idle_since(now),
        "minute_ago": now - MINUTE,
        "minute_limit": limit,
        "from_ip": client.ip,
        "by_agent": client.agent,
    }
    for stored_hash in hashes:  # one, unless keys are being exchanged
        if rows := execute_alone(_make_advance(is_verified), values | {"stored_hash": stored_hash}):
            return rows[0]
    return None


@cache
def _make_advance(is_verified: ScalarSelect[bool]) -> ReturningUpdate[Any]:
    """The statement of `_advance`, made once: this is the most frequent write of the service."""
    now, minute_ago, used_after = (bindparam(name, type_=UtcDateTime) for name in ("now", "minute_ago", "used_after"))
    is_new_minute = or_(Session.minute_started_at.is_(None), Session.minute_started_at <= minute_ago)
    is_within_limit = Session.generation - Session.minute_generation < bindparam("minute_limit", type_=Integer)
    is_live = (Session.generation == bindparam("of_generation")) & lives_by(now, used_after)
    statement = update(Session).where(
        Session.refresh_hash == bindparam("stored_hash"), is_live, or_(is_new_minute, is_within_limit)
    )
    return statement.values(
        generation=Session.generation + 1,
        refresh_hash=bindparam("first_hash"),
        rotated_at=now,
        last_used_at=now,
        minute_started_at=case((is_new_minute, now), else_=Session.minute_started_at),
        minute_generation=case((is_new_minute, Session.generation), else_=Session.minute_generation),
        ip=bindparam("from_ip"),
        agent=bindparam("by_agent"),
    ).returning(*_COLUMNS, is_verified.label("is_verified"))


def _find_lost_answer(
    token: RefreshToken, is_verified: ScalarSelect[bool], client: ClientInfo, now: datetime
) -> Row[Any]:
    """The session of a token that did not rotate, if its answer may have got lost; else raises why it did not."""
    row = fetch_one(select(*_COLUMNS, *_STATE, is_verified.label("is_verified")).where(_is_of(token)))
    if row is None or not is_alive(row, now) or token.generation > row.generation:
        raise InvalidToken
    if token.generation == row.generation:
        opens_at = (row.minute_started_at or now) + MINUTE
        raise TooMany(retry_after_seconds=(opens_at - now).total_seconds())
    is_previous = token.generation == row.generation - 1
    if not is_previous or row.rotated_at is None or now - row.rotated_at > LOST_ANSWER_GRACE:
        _end_reused(row, client, now)
        raise TokenReused
    return row


def _end_reused(row: Row[Any], client: ClientInfo, now: datetime) -> None:
    is_open = (Session.id == row.id) & Session.ended_at.is_(None)
    with transaction():
        if execute(update(Session).where(is_open).values(ended_at=now)).rowcount == 1:
            audit.record("session.token_reused", user_id=row.user_id, client=client, at=now, sessionId=str(row.id))


def _is_of(token: RefreshToken) -> ColumnElement[bool]:
    return Session.refresh_hash.in_(token.family_hashes)
