"""Deletes events for their age: only from the old end, so that what is left still verifies (ADR 48)."""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, select, true
from sqlalchemy.exc import DBAPIError

from otp_service.audit import chain
from otp_service.audit.bases import NOTE, UPKEEP, read_bases, sealed_base
from otp_service.audit.chain import Keys
from otp_service.audit.faults import COLUMNS, Fault, Kind, fault_of, find_fault
from otp_service.audit.models import AuditBase, AuditEvent, AuditKey
from otp_service.audit.signers import OF_THE_TRAIL, all_keys
from otp_service.audit.subject_keys import USED_FOR
from otp_service.core.database.batches import LEAST_PAUSE_SECONDS, delete_in_batches
from otp_service.core.database.transactions import execute, fetch_all, transaction, upsert, wait_for_turn

AT_ONCE = 500
"""Rows of one transaction."""

KEYS_OUTLIVE = USED_FOR + timedelta(days=1)
"""How long after it was made a key may have sealed an event, clocks that differ included."""

NO_RIGHT = "42501"
"""PostgreSQL's code of a missing privilege."""

log = logging.getLogger("otp_service.audit")


class MayNotDelete(Exception):
    """The role of the database that runs this has no right to delete events."""


class Tampered(Exception):
    """An old event is not as the service wrote it, so it was not deleted. `fault` says what is wrong."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def forget(before: datetime, *, keep_from: int | None = None) -> int:
    """Delete as `prune` does. A role without the right to is meant to lack it: log that, and delete no event."""
    try:
        return prune(before, keep_from=keep_from)
    except MayNotDelete:
        remedy = "this role may not delete audit events: run `flask audit prune` by a role that may (docs/audit.md)"
        log.warning("audit.not_pruned", extra={"reason": remedy})
        return 0
    except Tampered as found:
        one = found.fault
        remedy = "run `flask audit verify`, keep a copy, then `flask audit prune --despite-faults` (docs/audit.md)"
        place = {"shard": one.shard, "sequence": one.sequence, "id": one.id}
        said = {**place, "kind": one.kind, "detail": one.detail, "reason": remedy}
        log.error("audit.tampered", extra=said)  # noqa: TRY400 - a stack trace would say no more
        return 0


def prune(before: datetime, *, keep_from: int | None = None, despite_faults: bool = False) -> int:
    """Delete the events from the oldest one up to the first that is not older than a time; return how many.

    Only from the old end: a later event never goes before an earlier one, whatever the clock said when it was written.
    Events from the id `keep_from` on stay, since they are still to be sent to other services. Raises MayNotDelete, and
    Tampered at the first event that was changed, or that follows a missing one, unless that is to be deleted, too.
    """
    first_kept = fetch_all(select(func.min(AuditEvent.id)).where(AuditEvent.at >= before))[0][0]
    is_older = true() if first_kept is None else AuditEvent.id < first_kept
    is_done = true() if keep_from is None else AuditEvent.id < keep_from
    try:
        deleted = _delete_oldest(is_older, is_done, AuditEvent.at < before, despite_faults=despite_faults)
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) == NO_RIGHT:
            raise MayNotDelete from error
        raise
    _forget_keys(before)
    return deleted


def _delete_oldest(*conditions: ColumnElement[bool], despite_faults: bool) -> int:
    statement = select(*COLUMNS).where(*conditions).order_by(AuditEvent.id).limit(AT_ONCE)
    keys = all_keys()
    deleted = 0
    while True:
        started = time.monotonic()
        with transaction():
            # Two workers, or an adoption: what one of them reads here, no other one deletes or changes meanwhile.
            wait_for_turn(UPKEEP)
            found = fetch_all(statement)
            # A changed time makes any event look old. To delete it, and seal the base, would hide the change (ADR 48).
            fault, sound = (None, found) if despite_faults else _sound(found, keys)
            if sound:
                gone = execute(delete(AuditEvent).where(AuditEvent.id.in_([row.id for row in sound]), *conditions))
                deleted += int(gone.rowcount)
                _move_bases(sound)
        if fault is not None:
            raise Tampered(fault)
        if len(found) < AT_ONCE:
            return deleted
        # As long as the work took: on SQLite, which has one writer, half of the time stays for all others.
        time.sleep(max(LEAST_PAUSE_SECONDS, time.monotonic() - started))
        # From the last id on: a search from the start would read the rows that were just deleted each time.
        statement = statement.where(AuditEvent.id > found[-1].id)


def _sound(found: Sequence[Row[Any]], keys: Mapping[str, Keys]) -> tuple[Fault | None, Sequence[Row[Any]]]:
    """Return the first fault, if any, and the rows before it."""
    places = {row.shard: (row.sequence, row.link) for row in read_bases(keys)}
    is_closed = NOTE in places
    for index, row in enumerate(found):
        if row.shard is None:
            fault = fault_of(row, Kind.INSERTED, "it is in no chain") if is_closed else None
        else:
            sequence, link = places.get(row.shard, (0, chain.first_link(row.shard)))
            places[row.shard] = (row.sequence, row.link)
            fault = find_fault(row, keys, before=link, after=None)
            if row.sequence != sequence + 1:
                fault = fault_of(row, Kind.DELETED, f"it does not follow the event {sequence} of its chain")
        if fault is not None:
            return fault, found[:index]
    return None, found


def _move_bases(deleted: Sequence[Row[Any]]) -> None:
    """Note, under the service's key, up to which row each shard was deleted. The ids of a shard are in its order."""
    newest = {row.shard: row for row in deleted if row.shard is not None}
    for shard, row in sorted(newest.items()):  # one order of rows in every transaction avoids a deadlock
        base = sealed_base(shard, row.sequence, row.link)
        new = upsert(AuditBase).values(base)
        is_newer = AuditBase.sequence < row.sequence
        execute(new.on_conflict_do_update(index_elements=[AuditBase.shard], set_=base, where=is_newer))


def _forget_keys(before: datetime) -> None:
    """Delete the keys that sealed no event which is left."""
    oldest = fetch_all(select(func.min(AuditEvent.at)))[0][0] or before
    is_unused = AuditKey.created_at < min(oldest, before) - KEYS_OUTLIVE
    delete_in_batches(AuditKey, is_unused, AuditKey.subject.not_like(f"{OF_THE_TRAIL}%"))
