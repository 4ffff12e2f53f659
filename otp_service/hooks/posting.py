"""Sends deliveries that are due, and records the outcome. Any number of workers may do so at once (ADR 38).

A worker claims a delivery for the time of a lease. If it dies, another one sends the message after the lease, with the
same `webhook-id`: at least once, and twice only around a crash or a lost response.
"""

import logging
import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute

from otp_service import audit
from otp_service.core import clock
from otp_service.core.calls.exchange import MAX_WAIT_SECONDS, wait_seconds
from otp_service.core.crypto.secrets import Unreadable
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.hooks import administration, event_messages, transport
from otp_service.hooks.administration import HookNotFound, HookRecord
from otp_service.hooks.event_messages import Numbers
from otp_service.hooks.models import LONGEST_ERROR, Hook, HookDelivery, State
from otp_service.hooks.transport import NoResponse, Response

LEASE = timedelta(seconds=60)
"""Longer than one exchange can take, and the recording of its outcome."""

WAITS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1_800, 3_600, 7_200, 14_400, 21_600, 28_800, 28_800)
)
"""After the first failure, the second, and so on; then the last one again, until three days are over."""

JITTER = 0.2
LONGEST_PAUSE = timedelta(minutes=1)
LONGEST_WAIT_ASKED_FOR = timedelta(seconds=MAX_WAIT_SECONDS)
OUTAGE = timedelta(minutes=1)
"""Failures over this time are an outage of the receiver: after it, everything that waits is tried at once."""

GONE = 410
log = logging.getLogger("otp_service.hooks")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try. `waits_seconds` is how long the receiver asks to wait.

    `is_final` means that no other try can do better, for a reason that is not the receiver's.
    """

    is_delivered: bool
    status: int | None = None
    error: str | None = None
    waits_seconds: float = 0.0
    is_final: bool = False


def wait_after(attempts: int, *, chance: float) -> timedelta:
    """Return the wait after so many tries. `chance`, from 0 to 1, keeps messages that failed together apart."""
    return WAITS[min(attempts, len(WAITS)) - 1] * (1 + JITTER * (2 * chance - 1))


def due_hooks() -> list[uuid.UUID]:
    """Return the hooks that can be sent something now."""
    now = clock.now()
    is_waiting = exists().where(HookDelivery.hook_id == Hook.id, _is_due(now))
    return [row.id for row in fetch_all(select(Hook.id).where(_is_open(now), is_waiting).order_by(Hook.id))]


def send_next(hook_id: uuid.UUID, *, numbers: Numbers) -> bool:
    """Send the next delivery that is due to a hook; return whether to go on with another one."""
    claimed = _claim(hook_id)
    if claimed is None:
        return False
    try:
        hook = administration.get(hook_id)
        outcome = _send(claimed, hook, numbers)
    except HookNotFound:
        return False  # deleted, and its deliveries with it
    return _record(claimed, hook, outcome)


def _is_open(now: datetime) -> ColumnElement[bool]:
    return Hook.disabled_at.is_(None) & _has_come(Hook.paused_until, now, longest=LONGEST_WAIT_ASKED_FOR)


def _is_due(now: datetime) -> ColumnElement[bool]:
    is_time = _has_come(HookDelivery.next_try_at, now, longest=WAITS[-1])
    is_free = _has_come(HookDelivery.claimed_until, now, longest=LEASE)
    return (HookDelivery.state == State.PENDING) & is_time & is_free


def _has_come(time: InstrumentedAttribute[Any], now: datetime, *, longest: timedelta) -> ColumnElement[bool]:
    # A time that is much further away than any can be was written by a clock that was ahead. Much: another worker may
    # have read its clock later than this one, and a jittered wait is longer than its mean.
    return or_(time.is_(None), time <= now, time > now + 2 * longest)


def _claim(hook_id: uuid.UUID) -> Row[Any] | None:
    """Claim the next delivery for the time of a lease. Returns None if none is due, or another worker has it."""
    now = clock.now()
    # By the time at which they fell due, then in the order of the trail: events that never failed keep their order.
    queue = select(HookDelivery.id).where(HookDelivery.hook_id == hook_id, _is_due(now))
    queue = queue.where(exists().where(Hook.id == hook_id, _is_open(now)))
    first = queue.order_by(HookDelivery.next_try_at, HookDelivery.event_id).limit(1).with_for_update(skip_locked=True)
    with transaction():
        # One conditional update decides between workers: a claimed delivery is not due (ADR 3). The try counts before
        # it is made, so a crash cannot repeat it for ever.
        return execute(
            update(HookDelivery)
            .where(HookDelivery.id == first.scalar_subquery(), _is_due(now))
            .values(attempts=HookDelivery.attempts + 1, claimed_until=now + LEASE)
            .returning(*HookDelivery.__table__.columns)
        ).one_or_none()


def _send(claimed: Row[Any], hook: HookRecord, numbers: Numbers) -> Outcome:
    entry = audit.find_entry(claimed.event_id)
    if entry is None:
        return Outcome(False, error="the event is older than AUDIT_RETENTION", is_final=True)
    try:
        body = event_messages.body_of(claimed.id, claimed.type, entry, numbers=numbers, has_numbers=hook.has_numbers)
        response = post(hook, claimed.id, body)
    except NoResponse as error:
        return Outcome(False, error=str(error))
    except Unreadable:
        return Outcome(False, error="no key in ENCRYPTION_KEY opens this hook")
    except (SQLAlchemyError, HookNotFound):
        raise
    except Exception as error:
        # A message that cannot be made must not hold up the others: as a failure it waits longer and longer.
        log.exception("hook.failed", extra={"hookId": hook.id, "deliveryId": claimed.id})
        return Outcome(False, error=type(error).__name__)
    if response.is_success:
        return Outcome(True, response.status)
    return Outcome(False, response.status, f"HTTP {response.status}", wait_seconds(response.retry_after) or 0.0)


def post(hook: HookRecord, message_id: uuid.UUID, body: bytes) -> Response:
    """Sign a message and send it once. Raises NoResponse, HookNotFound."""
    secrets = administration.secrets_of(hook.id)
    headers = event_messages.headers_of(message_id, body, secrets=secrets, at=clock.now())
    return transport.exchange("POST", hook.url, headers=headers, body=body)


def _record(claimed: Row[Any], hook: HookRecord, outcome: Outcome) -> bool:
    """Record an outcome; return whether the hook takes another message now."""
    facts = {
        "hookId": hook.id,
        "host": hook.host,
        "deliveryId": claimed.id,
        "type": claimed.type,
        "attempts": claimed.attempts,
    }
    if outcome.is_delivered:
        _record_delivered(claimed, hook, outcome)
        log.info("hook.delivered", extra={**facts, "status": outcome.status})
        return True
    is_over = _record_failure(claimed, hook, outcome)
    event, level = ("hook.dead", logging.ERROR) if is_over else ("hook.put_off", logging.WARNING)
    log.log(level, event, extra={**facts, "reason": outcome.error})
    return outcome.is_final


def _record_delivered(claimed: Row[Any], hook: HookRecord, outcome: Outcome) -> None:
    now = clock.now()
    done = {"state": State.DELIVERED, "delivered_at": now, "claimed_until": None, "last_status": outcome.status}
    with transaction():
        # Unlike a failure, this holds although the lease may have run out: the receiver has the message.
        is_pending = (HookDelivery.id == claimed.id) & (HookDelivery.state == State.PENDING)
        execute(update(HookDelivery).where(is_pending).values(**done, last_error=None))
        if hook.failures:
            well = {"failures": 0, "failing_since": None, "paused_until": None}
            execute(update(Hook).where(Hook.id == hook.id).values(well))
            if hook.failing_since is not None and hook.failing_since <= now - OUTAGE:
                _hasten(hook.id, now)


def _hasten(hook_id: uuid.UUID, now: datetime) -> None:
    """Let everything fall due that waited for the end of an outage, in its first order."""
    is_waiting = (HookDelivery.hook_id == hook_id) & (HookDelivery.state == State.PENDING)
    is_later = HookDelivery.next_try_at > now
    execute(update(HookDelivery).where(is_waiting, is_later).values(next_try_at=HookDelivery.created_at))


def _record_failure(claimed: Row[Any], hook: HookRecord, outcome: Outcome) -> bool:
    """Put a delivery off, or give it up; return whether it was given up. The hook has a pause."""
    now = clock.now()
    is_gone = outcome.status == GONE
    is_over = is_gone or outcome.is_final or now >= claimed.give_up_at
    later = min(now + wait_after(claimed.attempts, chance=random.random()), claimed.give_up_at)  # noqa: S311 - no secret
    values = {
        "state": State.DEAD if is_over else State.PENDING,
        "next_try_at": max(later, now),
        "claimed_until": None,
        "last_status": outcome.status,
        "last_error": (outcome.error or "")[:LONGEST_ERROR],
    }
    with transaction():
        # `attempts` has risen if the lease ran out and another worker claimed the delivery: that one records.
        is_mine = (HookDelivery.state == State.PENDING) & (HookDelivery.attempts == claimed.attempts)
        execute(update(HookDelivery).where(HookDelivery.id == claimed.id, is_mine).values(values))
        if is_gone:
            administration.disable(hook.id, because="the receiver responded 410 Gone")
        elif not outcome.is_final:
            _pause(hook, outcome, now)
    return is_over


def _pause(hook: HookRecord, outcome: Outcome, now: datetime) -> None:
    """Let a failing hook rest, longer with each failure in a row: an outage costs one message a try."""
    pause = min(timedelta(seconds=2 ** min(hook.failures, 10)), LONGEST_PAUSE)
    values = {
        "failures": Hook.failures + 1,
        "failing_since": hook.failing_since or now,
        "paused_until": now + max(pause, timedelta(seconds=outcome.waits_seconds)),
    }
    execute(update(Hook).where(Hook.id == hook.id).values(values))
