"""Writes events. Nothing here changes or deletes one."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from otp_service.audit.models import AuditEvent
from otp_service.core.database.prepared import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, fetch_all, fetch_one
from otp_service.core.web.tracing import ClientInfo

log = logging.getLogger("otp_service.audit")
PAGE = 50
COMMAND_LINE = ClientInfo(ip="", agent="command line")
_append = prepared_insert(AuditEvent)
SERVICE = ClientInfo(ip="", agent="service")
"""Nobody: the service did it by itself, or on the word of somebody whom the user must not be shown."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a user, as that user may read it."""

    id: int
    at: datetime
    event: str
    ip: str
    agent: str
    facts: dict[str, Any]


def record(event: str, *, user_id: int | None, client: ClientInfo, at: datetime, **facts: Any) -> None:
    """Append an event inside the open transaction and tell the log. `facts` are JSON values without secrets."""
    execute(
        *_append(
            at=at,
            event=event,
            user_id=user_id,
            ip=client.ip,
            agent=client.agent,
            request_id=client.request_id,
            facts=facts,
        )
    )
    log.info(event, extra={"userId": user_id, "ip": client.ip, **facts})


def has_happened(event: str, *, user_id: int) -> bool:
    """Whether an event ever happened to the user."""
    return fetch_one(*_of_user_named(user_id, event)) is not None


@prepared
def _of_user_named(user_id: Given, event: Given) -> Select[Any]:
    return select(AuditEvent.id).where(AuditEvent.user_id == user_id, AuditEvent.event == event).limit(1)


def events_of(user_id: int, *, before: int | None = None, limit: int = PAGE) -> list[Event]:
    """The user's events, newest first, from the one before the id `before` on."""
    columns = [getattr(AuditEvent, name) for name in Event.__dataclass_fields__]
    statement = select(*columns).where(AuditEvent.user_id == user_id).order_by(AuditEvent.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(AuditEvent.id < before)
    return [Event(*row) for row in fetch_all(statement)]
