"""How long a session lives: until it is ended, reaches its last day, or lies unused for too long."""

from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_

from otp_service.core.settings import settings
from otp_service.sessions.models import Session


class Dated(Protocol):
    """A row that has the times of a session."""

    ended_at: datetime | None
    expires_at: datetime
    last_used_at: datetime


def lives(now: datetime) -> ColumnElement[bool]:
    """Whether a session may be used, as SQL. Used means refreshed: requests with an access token write nothing."""
    return lives_by(now, idle_since(now))


def lives_by(now: Any, used_after: Any) -> ColumnElement[bool]:
    """The same with times, or with parameters that stand for them."""
    return and_(Session.ended_at.is_(None), Session.expires_at > now, Session.last_used_at > used_after)


def is_alive(row: Dated, now: datetime) -> bool:
    """The same of a row that was read."""
    return row.ended_at is None and row.expires_at > now and row.last_used_at > idle_since(now)


def idle_since(now: datetime) -> datetime:
    """A session that was used later than this is not idle."""
    return now - timedelta(seconds=settings().refresh_idle_seconds)
