"""Reads and writes deliveries for operators and retention. Sends nothing."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, select, update

from otp_service.core import clock
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction
from otp_service.hooks.models import CURSOR, Hook, HookCursor, HookDelivery, State

RETRIED_FOR = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery. The fields have the names of the columns."""

    id: uuid.UUID
    hook_id: uuid.UUID
    event_id: int
    type: str
    state: str
    attempts: int
    created_at: datetime
    next_try_at: datetime
    delivered_at: datetime | None
    last_status: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a hook has not got yet: how many wait, since when the first one does, and how many were given up."""

    pending: int
    oldest_at: datetime | None
    dead: int


_DELIVERIES = Projection(DeliveryRecord, HookDelivery)


def deliveries(*, hook_id: uuid.UUID | None, state: State | None, limit: int) -> list[DeliveryRecord]:
    """Return the newest deliveries, of one hook and in one state where these are given."""
    statement = _DELIVERIES.select().order_by(HookDelivery.created_at.desc(), HookDelivery.event_id.desc())
    if hook_id is not None:
        statement = statement.where(HookDelivery.hook_id == hook_id)
    if state is not None:
        statement = statement.where(HookDelivery.state == state)
    return _DELIVERIES.values(fetch_all(statement.limit(limit)))


def backlogs() -> dict[uuid.UUID, Backlog]:
    """Return what each hook has not got yet, for those with something."""
    columns = (HookDelivery.hook_id, HookDelivery.state, func.count(), func.min(HookDelivery.created_at))
    is_open = HookDelivery.state.in_((State.PENDING, State.DEAD))
    statement = select(*columns).where(is_open).group_by(HookDelivery.hook_id, HookDelivery.state)
    found: dict[uuid.UUID, Backlog] = {}
    for hook_id, state, count, oldest_at in fetch_all(statement):
        known = found.get(hook_id, Backlog(0, None, 0))
        is_pending = state == State.PENDING
        found[hook_id] = (
            Backlog(count, oldest_at, known.dead) if is_pending else Backlog(known.pending, known.oldest_at, count)
        )
    return found


def redeliver(delivery_id: uuid.UUID) -> bool:
    """Send an event again, dead or delivered; return whether there is such a delivery."""
    return _redeliver(HookDelivery.id == delivery_id, HookDelivery.state != State.PENDING) == 1


def redeliver_dead(hook_id: uuid.UUID | None) -> int:
    """Send every event again that was given up, of one hook or of all; return how many."""
    conditions = [HookDelivery.state == State.DEAD]
    return _redeliver(*conditions, *([] if hook_id is None else [HookDelivery.hook_id == hook_id]))


def _redeliver(*conditions: ColumnElement[bool]) -> int:
    now = clock.now()
    values = {
        "state": State.PENDING,
        "attempts": 0,
        "next_try_at": now,
        "claimed_until": None,
        "give_up_at": now + RETRIED_FOR,
        "delivered_at": None,
    }
    with transaction():
        return int(execute(update(HookDelivery).where(*conditions).values(values)).rowcount)


def oldest_needed_event() -> int | None:
    """Return the id from which on events are still to be read or sent; None without a hook."""
    needed = [fetch_all(select(func.min(HookDelivery.event_id)).where(HookDelivery.state == State.PENDING))[0][0]]
    has_hook = exists().where(Hook.disabled_at.is_(None))
    row = fetch_one(select(HookCursor.read_up_to, HookCursor.gaps).where(HookCursor.id == CURSOR, has_hook))
    if row is not None:
        # The newest one that was read stays: SQLite would give its id again, and the event with it would be skipped.
        needed += [row.read_up_to, *(first for first, *_ in row.gaps)]
    return min((number for number in needed if number is not None), default=None)


def forget_delivered(before: datetime) -> int:
    """Delete what was delivered and stored before a time; return how many."""
    return delete_in_batches(HookDelivery, HookDelivery.state == State.DELIVERED, HookDelivery.created_at < before)


def forget_rest(before: datetime) -> int:
    """Delete what was stored before a time and not delivered: given up, or left by a disabled hook; return how many."""
    return delete_in_batches(HookDelivery, HookDelivery.created_at < before)
