"""Deletes events for their age: only from the old end, so that what is left still verifies (ADR 48)."""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, select, true
from sqlalchemy.exc import DBAPIError

from otp_service.audit import chain
from otp_service.audit.models import AuditBase, AuditEvent, AuditKey
from otp_service.audit.signers import OF_THE_TRAIL
from otp_service.audit.subject_keys import USED_FOR
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.batches import LEAST_PAUSE_SECONDS, delete_in_batches
from otp_service.core.database.transactions import execute, fetch_all, transaction, upsert

AT_ONCE = 500
"""Rows of one transaction."""

KEYS_OUTLIVE = USED_FOR + timedelta(days=1)
"""How long after it was made a key may have sealed an event, clocks that differ included."""

NO_RIGHT = "42501"
"""PostgreSQL's code of a missing privilege."""

log = logging.getLogger("otp_service.audit")


class MayNotDelete(Exception):
    """The role of the database that runs this has no right to delete events."""


def forget(before: datetime, *, keep_from: int | None = None) -> int:
    """Delete as `prune` does. A role without the right to is meant to lack it: log that, and delete no event."""
    try:
        return prune(before, keep_from=keep_from)
    except MayNotDelete:
        remedy = "this role may not delete audit events: run `flask audit prune` by a role that may (docs/audit.md)"
        log.warning("audit.not_pruned", extra={"reason": remedy})
        return 0


def prune(before: datetime, *, keep_from: int | None = None) -> int:
    """Delete the events from the oldest one up to the first that is not older than a time; return how many.

    Only from the old end: a later event never goes before an earlier one, whatever the clock said when it was written.
    Events from the id `keep_from` on stay, since they are still to be sent to other services. Raises MayNotDelete.
    """
    first_kept = fetch_all(select(func.min(AuditEvent.id)).where(AuditEvent.at >= before))[0][0]
    is_older = true() if first_kept is None else AuditEvent.id < first_kept
    is_done = true() if keep_from is None else AuditEvent.id < keep_from
    try:
        deleted = _delete_oldest(is_older, is_done, AuditEvent.at < before)
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) == NO_RIGHT:
            raise MayNotDelete from error
        raise
    _forget_keys(before)
    return deleted


def _delete_oldest(*conditions: ColumnElement[bool]) -> int:
    columns = (AuditEvent.id, AuditEvent.shard, AuditEvent.sequence, AuditEvent.link)
    statement = select(*columns).where(*conditions).order_by(AuditEvent.id).limit(AT_ONCE)
    deleted, found = 0, fetch_all(statement)
    while found:
        started = time.monotonic()
        with transaction():
            # The same rows are read by two workers at once; the second one deletes none, and moves no base back.
            gone = execute(delete(AuditEvent).where(AuditEvent.id.in_([row.id for row in found]), *conditions))
            deleted += int(gone.rowcount)
            _move_bases(found)
        # As long as the work took: on SQLite, which has one writer, half of the time stays for all others.
        time.sleep(max(LEAST_PAUSE_SECONDS, time.monotonic() - started))
        # From the last id on: a search from the start would read the rows that were just deleted each time.
        found = fetch_all(statement.where(AuditEvent.id > found[-1].id))
    return deleted


def _move_bases(deleted: Sequence[Row[Any]]) -> None:
    """Note, under the service's key, up to which row each shard was deleted. The ids of a shard are in its order."""
    signer, keys = next(iter(chain.keys_of(keyring()).items()))
    newest = {row.shard: row for row in deleted if row.shard is not None}
    for shard, row in sorted(newest.items()):  # one order of rows in every transaction avoids a deadlock
        seal = chain.base_seal(keys, shard=shard, sequence=row.sequence, link=row.link)
        place = {"sequence": row.sequence, "link": row.link, "signer": signer, "seal": seal}
        new = upsert(AuditBase).values(shard=shard, **place)
        is_newer = AuditBase.sequence < row.sequence
        execute(new.on_conflict_do_update(index_elements=[AuditBase.shard], set_=place, where=is_newer))


def _forget_keys(before: datetime) -> None:
    """Delete the keys that sealed no event which is left."""
    oldest = fetch_all(select(func.min(AuditEvent.at)))[0][0] or before
    is_unused = AuditKey.created_at < min(oldest, before) - KEYS_OUTLIVE
    delete_in_batches(AuditKey, is_unused, AuditKey.subject.not_like(f"{OF_THE_TRAIL}%"))
