"""Records what happens, and reads it. No event is ever changed; `pruning` deletes the oldest ones."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, or_, select, update

from otp_service.audit import appending, subject_keys
from otp_service.audit.models import AuditEvent, AuditKey
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, fetch_all, fetch_one
from otp_service.core.web.tracing import ClientInfo

log = logging.getLogger("otp_service.audit")
PAGE = 50
COMMAND_LINE = ClientInfo(ip="", agent="command line")
SERVICE = ClientInfo(ip="", agent="service")
"""The actor of automatic events, and of events whose actor must stay hidden from the user."""

STORED = (
    AuditEvent.id, AuditEvent.at, AuditEvent.event, AuditEvent.user_id, AuditEvent.ip, AuditEvent.agent,
    AuditEvent.request_id, AuditEvent.facts, AuditEvent.key_id, AuditEvent.sealed, AuditKey.sealed_key,
)  # fmt: skip
"""What `opened` needs of a row."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of any user. What is personal is blank once its key is deleted."""

    id: int
    at: datetime
    event: str
    user_id: int | None
    ip: str
    agent: str
    request_id: str | None
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a user, as that user may read it."""

    id: int
    at: datetime
    event: str
    ip: str
    agent: str
    facts: dict[str, Any]


def record(event: str, *, user_id: int | None, client: ClientInfo, at: datetime, **facts: Any) -> None:
    """Append an event in the open transaction, and log it. `facts` are JSON values without secrets."""
    append(event, user_id=user_id, client=client, at=at, **facts)
    _log(event, user_id, client, facts)


def record_erasure(event: str, *, user_id: int | None, client: ClientInfo, at: datetime, **facts: Any) -> None:
    """Record who erased something. That is not part of what was erased, so it stays readable."""
    said = appending.say(event, user_id=user_id, client=client, at=at, facts=_with_app(facts, client))
    appending.add(said, subject=subject_keys.EVERYONE_ELSE)
    _log(event, user_id, client, facts)


def carry(event: str, *, user_id: int, client: ClientInfo, **facts: Any) -> dict[str, Any]:
    """Log an event that needs no row of its own, and return its facts for the event of the act that it belongs to.

    The facts of a sign-in fill two rows instead of four in this way (ADR 44).
    """
    _log(event, user_id, client, facts)
    return facts


def append(event: str, *, user_id: int | None, client: ClientInfo, at: datetime, **facts: Any) -> None:
    """Append an event that was logged before, in the open transaction.

    What a backend did has the name of its app among the facts.
    """
    # In the transaction of the act that it records: the act and its event are both stored, or neither is (ADR 3).
    appending.add(appending.say(event, user_id=user_id, client=client, at=at, facts=_with_app(facts, client)))


def _with_app(facts: dict[str, Any], client: ClientInfo) -> dict[str, Any]:
    return facts if client.app is None else {**facts, "app": client.app}


def _log(event: str, user_id: int | None, client: ClientInfo, facts: Mapping[str, Any]) -> None:
    log.info(event, extra={"userId": user_id, "ip": client.ip, **facts})


def record_for_each(event: str, user_ids: Sequence[int], *, at: datetime, **facts: Any) -> None:
    """Append one event for each of many users, by the command line, in the open transaction. Logs none of them."""
    said = (appending.say(event, user_id=one, client=COMMAND_LINE, at=at, facts=facts) for one in user_ids)
    appending.add_many(said, now=at)


def has_happened(event: str, *, user_id: int) -> bool:
    """Whether the user has at least one event of this name."""
    return fetch_one(*_of_user_named(user_id, event)) is not None


@prepared
def _of_user_named(user_id: Given, event: Given) -> Select[Any]:
    return select(AuditEvent.id).where(AuditEvent.user_id == user_id, AuditEvent.event == event).limit(1)


def selected() -> Select[Any]:
    """Return a SELECT of events with the keys of what is personal, for `opened`."""
    return select(*STORED).outerjoin(AuditKey, AuditKey.id == AuditEvent.key_id)


def opened(row: Row[Any]) -> Entry:
    """Return the event of a row that `selected` read."""
    ip, agent, request_id, facts = row.ip, row.agent, row.request_id, row.facts
    if row.sealed is not None:
        personal = subject_keys.unseal(row.sealed, row.key_id, row.sealed_key)
        ip, agent, request_id, facts = personal or ("", "", None, {})
    return Entry(row.id, row.at, row.event, row.user_id, ip, agent, request_id, facts)


def events_of(user_id: int, *, before: int | None = None, limit: int = PAGE) -> list[Event]:
    """Return a page of the user's events, newest first, with ids below `before`."""
    statement = selected().where(AuditEvent.user_id == user_id).order_by(AuditEvent.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(AuditEvent.id < before)
    found = map(opened, fetch_all(statement))
    return [Event(one.id, one.at, one.event, one.ip, one.agent, one.facts) for one in found]


def newest_id() -> int:
    """Return the id of the newest event; 0 without any."""
    return int(fetch_all(select(func.max(AuditEvent.id)))[0][0] or 0)


def entries(*, after: int, or_within: Sequence[tuple[int, int]] = (), limit: int) -> list[Entry]:
    """Return the events with ids above one, or within spans with both ends, in the order of their ids."""
    spans = [AuditEvent.id.between(first, last) for first, last in or_within]
    statement = selected().where(or_(AuditEvent.id > after, *spans))
    return [opened(row) for row in fetch_all(statement.order_by(AuditEvent.id).limit(limit))]


def find_entry(event_id: int) -> Entry | None:
    """Return one event, or None."""
    row = fetch_one(selected().where(AuditEvent.id == event_id))
    return None if row is None else opened(row)


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return all events of the user, oldest first, for that user."""
    found = map(opened, fetch_all(selected().where(AuditEvent.user_id == user_id).order_by(AuditEvent.id)))
    return [
        {"id": one.id, "at": one.at, "event": one.event, "ip": one.ip, "agent": one.agent, "facts": one.facts}
        for one in found
    ]


def erase_person(user_id: int) -> None:
    """Make what is personal in the user's events unreadable, in the open transaction.

    That something happened to an account with this id, and when, remains: no id is given twice.
    """
    subject_keys.erase(subject_keys.subject_of(user_id, None))
    is_plain = (AuditEvent.user_id == user_id) & AuditEvent.shard.is_(None)
    if fetch_one(select(AuditEvent.id).where(is_plain).limit(1)) is not None:
        # From before there were keys. The service may lack the right to change rows, so it asks before (ADR 48).
        blank: dict[str, Any] = {"ip": "", "agent": "", "request_id": None, "facts": {}}
        execute(update(AuditEvent).where(is_plain).values(blank))


def erase_verification(verification_id: str) -> None:
    """Make what is personal in the events of a backend's verification unreadable, in the open transaction."""
    subject_keys.erase(subject_keys.subject_of(None, verification_id))
