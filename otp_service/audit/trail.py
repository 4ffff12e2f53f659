"""Appends audit events and reads them. Only `redact...` changes one, and only `forget` deletes some, the oldest."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, or_, select, true, update

from otp_service.audit.models import AuditEvent
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection, rows_about
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, execute_later, fetch_all, fetch_one, transaction
from otp_service.core.web.tracing import ClientInfo

log = logging.getLogger("otp_service.audit")
PAGE = 50
ROWS = 1_000
COMMAND_LINE = ClientInfo(ip="", agent="command line")
SERVICE = ClientInfo(ip="", agent="service")
"""The actor of automatic events, and of events whose actor must stay hidden from the user."""

_append = prepared_insert(AuditEvent)


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a user, as that user may read it."""

    id: int
    at: datetime
    event: str
    ip: str
    agent: str
    facts: dict[str, Any]


_EVENTS = Projection(Event, AuditEvent)


def record(event: str, *, user_id: int | None, client: ClientInfo, at: datetime, **facts: Any) -> None:
    """Append an event in the open transaction, and log it. `facts` are JSON values without secrets."""
    append(event, user_id=user_id, client=client, at=at, **facts)
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
    if client.app is not None:
        facts["app"] = client.app
    # In the transaction of the act that it records: the act and its event are both stored, or neither is (ADR 3).
    execute_later(
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


def _log(event: str, user_id: int | None, client: ClientInfo, facts: Mapping[str, Any]) -> None:
    log.info(event, extra={"userId": user_id, "ip": client.ip, **facts})


def record_for_each(event: str, user_ids: Sequence[int], *, at: datetime, **facts: Any) -> None:
    """Append one event for each of many users, by the command line, in the open transaction. Logs none of them."""
    same = {"at": at, "event": event, "ip": "", "agent": COMMAND_LINE.agent, "request_id": None, "facts": facts}
    with transaction() as session:
        for start in range(0, len(user_ids), ROWS):
            rows = [{**same, "user_id": user_id} for user_id in user_ids[start : start + ROWS]]
            session.connection().execute(insert(AuditEvent), rows)


def has_happened(event: str, *, user_id: int) -> bool:
    """Whether the user has at least one event of this name."""
    return fetch_one(*_of_user_named(user_id, event)) is not None


@prepared
def _of_user_named(user_id: Given, event: Given) -> Select[Any]:
    return select(AuditEvent.id).where(AuditEvent.user_id == user_id, AuditEvent.event == event).limit(1)


def events_of(user_id: int, *, before: int | None = None, limit: int = PAGE) -> list[Event]:
    """Return a page of the user's events, newest first, with ids below `before`."""
    statement = _EVENTS.select().where(AuditEvent.user_id == user_id).order_by(AuditEvent.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(AuditEvent.id < before)
    return _EVENTS.values(fetch_all(statement))


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of any user, as other features read it."""

    id: int
    at: datetime
    event: str
    user_id: int | None
    facts: dict[str, Any]


_ENTRIES = Projection(Entry, AuditEvent)


def newest_id() -> int:
    """Return the id of the newest event; 0 without any."""
    return int(fetch_all(select(func.max(AuditEvent.id)))[0][0] or 0)


def entries(*, after: int, or_within: Sequence[tuple[int, int]] = (), limit: int) -> list[Entry]:
    """Return the events with ids above one, or within spans with both ends, in the order of their ids."""
    spans = [AuditEvent.id.between(first, last) for first, last in or_within]
    statement = _ENTRIES.select().where(or_(AuditEvent.id > after, *spans))
    return _ENTRIES.values(fetch_all(statement.order_by(AuditEvent.id).limit(limit)))


def find_entry(event_id: int) -> Entry | None:
    """Return one event, or None."""
    return _ENTRIES.find(fetch_one(_ENTRIES.select().where(AuditEvent.id == event_id)))


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return all events of the user, oldest first, for that user."""
    columns = (AuditEvent.id, AuditEvent.at, AuditEvent.event, AuditEvent.ip, AuditEvent.agent, AuditEvent.facts)
    return rows_about(AuditEvent.user_id == user_id, *columns)


def forget(before: datetime, *, keep_from: int | None = None) -> int:
    """Delete the events from the oldest one up to the first that is not older than a time; return how many.

    Only from the old end: a later event never goes before an earlier one, whatever the clock said when it was written.
    Events from the id `keep_from` on stay, since they are still to be sent to other services.
    """
    first_kept = fetch_all(select(func.min(AuditEvent.id)).where(AuditEvent.at >= before))[0][0]
    is_older = true() if first_kept is None else AuditEvent.id < first_kept
    is_done = true() if keep_from is None else AuditEvent.id < keep_from
    return delete_in_batches(AuditEvent, is_older, is_done, AuditEvent.at < before)


def redact(user_id: int) -> int:
    """Blank the personal data in the user's events, in the open transaction; return how many events there are.

    That something happened to an account with this id, and when, remains: no id is given twice.
    """
    blank: dict[str, Any] = {"ip": "", "agent": "", "request_id": None, "facts": {}}
    return int(execute(update(AuditEvent).where(AuditEvent.user_id == user_id).values(blank)).rowcount)


def redact_verification(verification_id: str, *, app: str, since: datetime, until: datetime) -> None:
    """Blank the personal data in the events of a backend's verification, in the open transaction.

    That there was a verification with this id, and when, remains. The span keeps this from reading the whole trail.
    """
    is_about_it = AuditEvent.facts["verificationId"].as_string() == verification_id
    is_within = (AuditEvent.at >= since) & (AuditEvent.at <= until)
    blank = {"ip": "", "request_id": None, "facts": {"app": app, "verificationId": verification_id}}
    execute(update(AuditEvent).where(is_within, AuditEvent.user_id.is_(None), is_about_it).values(blank))
