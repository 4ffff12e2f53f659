"""Reads sessions for their owners and for operators, and deletes those that ended long ago."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from otp_service.core import clock
from otp_service.core.addresses import site_of
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection, rows_about
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import fetch_all
from otp_service.sessions.lifetime import lives
from otp_service.sessions.models import Session


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A live session, as its owner or an operator sees it."""

    id: uuid.UUID
    user_id: int
    ip: str
    agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    amr: str
    acr: str


@dataclass(frozen=True, slots=True)
class Device:
    """The address and the program that last used a session, and where and when the session began."""

    ip: str
    agent: str
    network: str
    started_at: datetime


_LIVE_SESSIONS = Projection(LiveSession, Session)
_NEWEST_FIRST = (Session.last_used_at.desc(), Session.created_at.desc())


def of_user(user_id: int) -> list[LiveSession]:
    """Return the user's live sessions, the last used first."""
    statement = _LIVE_SESSIONS.select().where(Session.user_id == user_id, lives(clock.now())).order_by(*_NEWEST_FIRST)
    return _LIVE_SESSIONS.values(fetch_all(statement))


def newest(*, limit: int) -> list[LiveSession]:
    """Return live sessions of all users, the last used first."""
    statement = _LIVE_SESSIONS.select().where(lives(clock.now())).order_by(*_NEWEST_FIRST).limit(limit)
    return _LIVE_SESSIONS.values(fetch_all(statement))


def was_ended(session_id: uuid.UUID) -> bool:
    """Whether the session was ended on purpose. A session that expired or fell idle was not."""
    return bool(fetch_all(select(Session.id).where(Session.id == session_id, Session.ended_at.is_not(None))))


def devices_of(user_id: int, *, now: datetime) -> tuple[list[Device], int]:
    """Return the devices of all stored sessions of the user, and how many of these sessions are open.

    Stored are the live sessions, and those that `forget` has not deleted.
    """
    rows = fetch_all(*_devices(user_id, now))
    devices = [Device(row.ip, row.agent, row.network or site_of(row.ip), row.started_at) for row in rows]
    return devices, sum(row.open for row in rows)


@prepared
def _devices(user_id: Given, now: Given) -> Select[Any]:
    is_open = Session.ended_at.is_(None) & (Session.expires_at > now)
    number = func.sum(case((is_open, 1), else_=0)).label("open")
    latest = func.max(Session.created_at, type_=Session.created_at.type).label("started_at")
    kind = (Session.ip, Session.agent, Session.network)
    return select(*kind, number, latest).where(Session.user_id == user_id).group_by(*kind)


def were_opened_from(
    network: Given, *, user_id: InstrumentedAttribute[int], after: Given, since: InstrumentedAttribute[Any]
) -> ColumnElement[bool]:
    """Return, for a statement about users, whether one of the user's sessions began in a network after both times."""
    is_there = (Session.user_id == user_id) & (Session.network == network)
    return exists().where(is_there, Session.created_at > after, or_(since.is_(None), Session.created_at > since))


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return what sessions store about the user, without the hash of the refresh token."""
    columns = (
        Session.created_at, Session.id, Session.last_used_at, Session.authenticated_at, Session.expires_at,
        Session.ended_at, Session.amr, Session.acr, Session.network, Session.ip, Session.agent,
    )  # fmt: skip
    return rows_about(Session.user_id == user_id, *columns)


def forget(before: datetime) -> int:
    """Delete the sessions that ended or expired before a time; return how many."""
    return delete_in_batches(Session, or_(Session.ended_at < before, Session.expires_at < before))
