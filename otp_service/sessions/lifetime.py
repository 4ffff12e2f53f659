"""How long a session lives: until it is ended, reaches its last day, or stays unused for too long.

"Used" means refreshed: requests with an access token write nothing (ADR 8).
"""

import uuid
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, bindparam, select

from otp_service.core.database.transactions import fetch_one
from otp_service.core.services import settings
from otp_service.sessions.models import Session


class Dated(Protocol):
    """A row that has the times of a session."""

    ended_at: datetime | None
    expires_at: datetime
    last_used_at: datetime


def lives(now: datetime) -> ColumnElement[bool]:
    """Whether a session may be used, as SQL."""
    return lives_by(now, idle_since(now))


def lives_by(now: Any, used_after: Any) -> ColumnElement[bool]:
    """The same rule with times, or with parameters in their place."""
    return and_(Session.ended_at.is_(None), Session.expires_at > now, Session.last_used_at > used_after)


def is_alive(row: Dated, now: datetime) -> bool:
    """The same rule for a row that was read."""
    return row.ended_at is None and row.expires_at > now and row.last_used_at > idle_since(now)


def idle_since(now: datetime) -> datetime:
    """A session that was last used at this time or earlier is idle."""
    return now - timedelta(seconds=settings().tokens.refresh_idle_seconds)


def seconds_left(expires_at: datetime, now: datetime) -> int:
    """Return how long a session that is used now lives on without a refresh."""
    return min(int((expires_at - now).total_seconds()), settings().tokens.refresh_idle_seconds)


# Built once: this runs with every request that carries an access token (ADR 3).
LIVE = select(Session.id).where(
    Session.id == bindparam("session_id"),
    Session.user_id == bindparam("user_id"),
    lives_by(bindparam("now"), bindparam("used_after")),
)
"""Selects a user's session if it is live; other packages put it into their own statements with `LIVE.exists()`."""


def is_live(session_id: uuid.UUID, *, user_id: int, now: datetime) -> bool:
    """Whether the user's session may still be used."""
    return fetch_one(LIVE, live_parameters(session_id, user_id=user_id, now=now)) is not None


def live_parameters(session_id: uuid.UUID, *, user_id: int, now: datetime) -> dict[str, object]:
    """The parameters of LIVE, for the statements that contain it."""
    return {"session_id": session_id, "user_id": user_id, "now": now, "used_after": idle_since(now)}
