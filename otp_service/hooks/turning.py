"""Turns new events of the audit trail into deliveries, each exactly once for each hook that wants it (ADR 38).

Nothing is added to the acts that the trail records. The trail is read behind them, with care for ids that are
committed out of order (see `gaps`).
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from otp_service import audit
from otp_service.audit import Entry
from otp_service.core import clock
from otp_service.core.database.transactions import execute, fetch_one, transaction, upsert
from otp_service.hooks import administration
from otp_service.hooks.administration import HookRecord
from otp_service.hooks.event_types import matches, meanings_of
from otp_service.hooks.gaps import Gap, Seen
from otp_service.hooks.models import CURSOR, HookCursor, HookDelivery, State
from otp_service.hooks.records import RETRIED_FOR

BATCH = 500
"""Events in one transaction."""


def turn() -> bool:
    """Read what is new in the trail, and store what the hooks want of it; return whether there may be more.

    Safe to run in several workers at once: they go one after another, and the second one finds nothing new.
    """
    seen = _seen()
    if seen is None or not _find_new(seen, limit=1):
        return False  # as nearly always: a look is cheaper than a lock
    with transaction():
        # The lock on the cursor lets one worker at a time read and store; the other one reads on from there.
        seen = _seen(locked=True)
        if seen is None:
            return False
        # The hooks after the lock, which every new hook waits for: else it could miss its first event.
        found, hooks, now = _find_new(seen, limit=BATCH), administration.enabled(), clock.now()
        if rows := list(_rows(found, hooks, now)):
            # Where a gap was widened, an event may be read twice. The constraint keeps it from being stored twice.
            execute(upsert(HookDelivery).values(rows).on_conflict_do_nothing())
        is_cut = len(found) == BATCH
        _store(seen.after([one.id for one in found], cut_off_at=found[-1].id if is_cut else None, now=now))
    return is_cut


def _find_new(seen: Seen, *, limit: int) -> list[Entry]:
    return audit.entries(after=seen.up_to, or_within=[(gap.first, gap.last) for gap in seen.gaps], limit=limit)


def _rows(found: Sequence[Entry], hooks: Sequence[HookRecord], now: datetime) -> Iterator[dict[str, Any]]:
    for entry in found:
        for meaning in meanings_of(entry.event, entry.facts):
            for hook in hooks:
                if entry.id > hook.after_event_id and _wants(hook, meaning.type, entry):
                    yield {
                        "id": uuid.uuid4(),
                        "hook_id": hook.id,
                        "event_id": entry.id,
                        "type": meaning.type,
                        "state": State.PENDING,
                        "attempts": 0,
                        "created_at": now,
                        "next_try_at": now,
                        "give_up_at": now + RETRIED_FOR,
                    }


def _wants(hook: HookRecord, type: str, entry: Entry) -> bool:
    return matches(type, hook.events) and hook.app in {None, entry.facts.get("app")}


def _seen(*, locked: bool = False) -> Seen | None:
    """Return how far the trail has been read; None before the first hook."""
    statement = select(HookCursor.read_up_to, HookCursor.gaps).where(HookCursor.id == CURSOR)
    row = fetch_one(statement.with_for_update() if locked else statement)
    if row is None:
        return None
    gaps = (Gap(first, last, datetime.fromisoformat(since)) for first, last, since in row.gaps)
    return Seen(row.read_up_to, tuple(gaps))


def _store(seen: Seen) -> None:
    gaps = [[gap.first, gap.last, gap.since.isoformat()] for gap in seen.gaps]
    values = {"read_up_to": seen.up_to, "gaps": gaps}
    execute(update(HookCursor).where(HookCursor.id == CURSOR).values(values))
