"""Work that a response has promised: a row that outlives the process which would carry it out (ADR 43).

A process claims a row for the time of a lease and deletes it when the work is done. If it dies, another process claims
the row after the lease. Work that is too old is dropped: a code that comes a minute late is of no use.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Integer, String, Text, Uuid, delete, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.sealed_columns import sealed
from otp_service.core.database.transactions import UtcDateTime, execute, fetch_all, transaction
from otp_service.core.errors import ServiceError
from otp_service.extensions import Model

HANDED_OVER_AFTER = timedelta(seconds=10)
"""The process that promised the work has this long to begin it. Then another one may."""

LEASE = timedelta(seconds=20)
"""Longer than a call to the provider with its retry can take, so a process that lives is not overtaken."""

LIFETIME = timedelta(seconds=60)
"""Older work is not begun any more."""

log = logging.getLogger(__name__)


class TaskRow(Model):
    """A promise; its values are encrypted, since they hold addresses, numbers and tokens."""

    __tablename__ = "tasks"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    sealed_values: Mapped[str] = mapped_column(Text, info=sealed("tasks.values"))
    tries: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


@dataclass(frozen=True, slots=True)
class Task:
    """Claimed work, and how often it was claimed. The first try is number 1."""

    id: uuid.UUID
    kind: str
    values: dict[str, Any]
    tries: int

    @property
    def effect_ids(self) -> tuple[uuid.UUID, ...]:
        """An id for what each try makes, the present one's last: a later try finds what an earlier one made."""
        return tuple(uuid.uuid5(self.id, str(number)) for number in range(1, self.tries + 1))


Act = Callable[[Task], object]

_acts: dict[str, Act] = {}


def carried_out_by(kind: str, act: Act) -> None:
    """Have tasks of a kind carried out by `act`, in an application context and outside transactions.

    `act` may be called again after a crash, with one more try.
    """
    _acts[kind] = act


def add(kind: str, values: Mapping[str, Any]) -> uuid.UUID:
    """Store a promise, in the open transaction or in one of its own; return its id. `values` are JSON values."""
    if kind not in _acts:
        raise ValueError(f"no one carries out {kind!r}")
    now, id = clock.now(), uuid.uuid4()
    sealed_values = keyring().seal(orjson.dumps(values).decode(), context=f"tasks.values:{id}")
    times = {"created_at": now, "next_try_at": now + HANDED_OVER_AFTER}
    with transaction():
        execute(insert(TaskRow).values(id=id, kind=kind, sealed_values=sealed_values, tries=0, **times))
    return id


def carry_out(id: uuid.UUID, *, is_own: bool = False) -> None:
    """Claim a task, carry it out and forget it. Does nothing if another process has it, or if it is too old.

    `is_own`: this process promised it, and begins it for the first time. A ServiceError ends the task; any other error
    leaves it for the next try, and is raised.
    """
    task = _claim(id, is_own=is_own)
    if task is None:
        return
    try:
        _acts[task.kind](task)
    except ServiceError as refused:  # a limit or a rule said no: the client must not learn that
        log.info("background.refused", extra={"work": task.kind, "code": refused.code})
    finish(task)


def finish(task: Task) -> bool:
    """Forget a task, in the open transaction of its act or in one of its own; False if another try did."""
    with transaction():
        # The try as well: a process that was overtaken must not end the work of the one that overtook it (ADR 3).
        is_it = (TaskRow.id == task.id) & (TaskRow.tries == task.tries)
        return execute(delete(TaskRow).where(is_it)).rowcount == 1


def find_due(*, limit: int) -> list[uuid.UUID]:
    """Return the tasks that no living process has, the oldest first. Drop those that are too old."""
    now = clock.now()
    if dropped := forget(now):
        log.error("task.dropped", extra={"tasks": dropped})
    is_due = (TaskRow.next_try_at <= now) & TaskRow.kind.in_(_acts)
    return [row.id for row in fetch_all(select(TaskRow.id).where(is_due).order_by(TaskRow.created_at).limit(limit))]


def forget(before: datetime) -> int:
    """Delete the tasks whose lifetime ended before a time; return how many."""
    # Not one that a process has just begun: its end tells whether the promise was kept.
    return delete_in_batches(TaskRow, ~_is_young(before), TaskRow.next_try_at <= before)


def _claim(id: uuid.UUID, *, is_own: bool) -> Task | None:
    now = clock.now()
    is_free = TaskRow.tries == 0 if is_own else TaskRow.next_try_at <= now
    values = {"tries": TaskRow.tries + 1, "next_try_at": now + LEASE}
    with transaction():
        # One conditional update decides between processes that found the same task: it moves `next_try_at` (ADR 3).
        claim = update(TaskRow).where(TaskRow.id == id, is_free, _is_young(now)).values(**values)
        row = execute(claim.returning(TaskRow.kind, TaskRow.sealed_values, TaskRow.tries)).one_or_none()
    if row is None:
        return None
    given = orjson.loads(keyring().open(row.sealed_values, context=f"tasks.values:{id}"))
    return Task(id, row.kind, given, row.tries)


def _is_young(now: datetime) -> ColumnElement[bool]:
    return TaskRow.created_at > now - LIFETIME
