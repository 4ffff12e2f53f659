"""How long a session lives: until it is ended, reaches its last day, or lies unused for too long."""

from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement

from otp_service.core.settings import settings
from otp_service.sessions.models import Session


class Dated(Protocol):
    """A row that has the times of a session."""

    ended_at: datetime | None
    expires_at: datetime
    last_used_at: datetime


def lives(now: datetime) -> ColumnElement[bool]:
    """Whether a session may be used, as SQL. Used means refreshed: requests with an access token write nothing."""
    return Session.ended_at.is_(None) & (Session.expires_at > now) & (Session.last_used_at > _idle_since(now))


def is_alive(row: Dated, now: datetime) -> bool:
    """The same of a row that was read."""
    return row.ended_at is None and row.expires_at > now and row.last_used_at > _idle_since(now)


def _idle_since(now: datetime) -> datetime:
    return now - timedelta(seconds=settings().refresh_idle_seconds)
