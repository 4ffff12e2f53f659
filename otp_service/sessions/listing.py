"""The sessions of people, as their owners and operators see them."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from otp_service.core import clock
from otp_service.core.database.prepared import Given, prepared
from otp_service.core.database.transactions import fetch_all
from otp_service.sessions.lifetime import lives
from otp_service.sessions.models import Session


@dataclass(frozen=True, slots=True)
class Held:
    """One session."""

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
    """Where a session was used last, and with what."""

    ip: str
    agent: str


_COLUMNS = [getattr(Session, name) for name in Held.__dataclass_fields__]
_NEWEST_FIRST = (Session.last_used_at.desc(), Session.created_at.desc())


def of_user(user_id: int) -> list[Held]:
    """The user's live sessions, the one used last first."""
    statement = select(*_COLUMNS).where(Session.user_id == user_id, lives(clock.now())).order_by(*_NEWEST_FIRST)
    return [Held(*row) for row in fetch_all(statement)]


def was_ended(session_id: uuid.UUID) -> bool:
    """Whether somebody ended the session; one that lies unused, or is too old, was not ended."""
    return bool(fetch_all(select(Session.id).where(Session.id == session_id, Session.ended_at.is_not(None))))


def devices_of(user_id: int) -> list[Device]:
    """Those of all the user's sessions that are kept: the live ones, and the ended ones until they are forgotten."""
    return [Device(*row) for row in fetch_all(*_devices(user_id))]


@prepared
def _devices(user_id: Given) -> Select[Any]:
    return select(Session.ip, Session.agent).where(Session.user_id == user_id).distinct()


def newest(*, limit: int) -> list[Held]:
    """Live sessions of all users, those used last first."""
    statement = select(*_COLUMNS).where(lives(clock.now())).order_by(*_NEWEST_FIRST).limit(limit)
    return [Held(*row) for row in fetch_all(statement)]
