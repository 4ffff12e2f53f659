"""Which workers live, and which of them runs a job: one conditional UPDATE decides (ADR 12)."""

import os
import socket
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update

from otp_service.core import clock
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction, upsert
from otp_service.jobs.models import JobState, WorkerState

ALIVE = timedelta(seconds=45)
"""A worker that was not seen for this long is dead, and others may take its jobs. It writes every ten seconds."""

RETRY_AFTER = timedelta(minutes=5)
"""When a job that failed is due again, unless its own interval is shorter."""


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker process, and when it was last seen."""

    id: uuid.UUID
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime

    def is_alive(self, now: datetime) -> bool:
        """Whether it was seen lately."""
        return self.seen_at > now - ALIVE


_WORKERS = Projection(WorkerSeen, WorkerState)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of a worker to run a job now."""

    name: str
    worker_id: uuid.UUID
    interval: timedelta


def beat(worker_id: uuid.UUID) -> None:
    """Record that a worker lives."""
    now = clock.now()
    with transaction():
        if execute(update(WorkerState).where(WorkerState.id == worker_id).values(seen_at=now)).rowcount:
            return
        # New, or forgotten while the machine slept.
        host = socket.gethostname()[:255]
        values = {"id": worker_id, "host": host, "pid": os.getpid(), "started_at": now, "seen_at": now}
        execute(upsert(WorkerState).values(**values).on_conflict_do_nothing())


def leave(worker_id: uuid.UUID) -> None:
    """Forget a worker that ends, and let others take its jobs at once."""
    with transaction():
        execute(update(JobState).where(JobState.holder == worker_id).values(holder=None))
        execute(delete(WorkerState).where(WorkerState.id == worker_id))


def claim(wanted: Claim) -> bool:
    """Take a job that is due; False if it is not, or if another worker runs it."""
    now = clock.now()
    is_it, is_ready = JobState.name == wanted.name, _is_due(now, wanted.interval) & _is_free(wanted.worker_id, now)
    found = fetch_one(select(is_ready).where(is_it))
    if found is not None and not found[0]:
        return False  # as nearly always: a look is cheaper than a write
    with transaction():
        # Its holder counts as alive from here on: others would take the job of one that was never seen.
        beat(wanted.worker_id)
        execute(upsert(JobState).values(name=wanted.name, due_at=now).on_conflict_do_nothing())
        # Of parallel workers, one sees the job free: the others find its holder when their turn comes (ADR 3).
        values = {"holder": wanted.worker_id, "started_at": now}
        return execute(update(JobState).where(is_it, is_ready).values(**values)).rowcount == 1


def release(held: Claim, *, error: str | None) -> None:
    """End the run of a job. One that failed is due again soon."""
    now = clock.now()
    wait = held.interval if error is None else min(held.interval, RETRY_AFTER)
    values = {"holder": None, "due_at": now + wait, "error": error and error[:60]}
    if error is None:
        values["ended_at"] = now
    with transaction():
        # A worker that was taken for dead must not end the run of the one that took its place.
        is_mine = (JobState.name == held.name) & (JobState.holder == held.worker_id)
        execute(update(JobState).where(is_mine).values(**values))


def newest_worker() -> WorkerSeen | None:
    """Return the worker that was seen last, alive or not."""
    return _WORKERS.find(fetch_one(_WORKERS.select().order_by(WorkerState.seen_at.desc()).limit(1)))


def living_workers() -> list[WorkerSeen]:
    """Return the workers that live."""
    return [worker for worker in _WORKERS.values(fetch_all(_WORKERS.select())) if worker.is_alive(clock.now())]


def last_runs() -> dict[str, datetime | None]:
    """Return when each job that one worker at a time runs last succeeded."""
    return {row.name: row.ended_at for row in fetch_all(select(JobState.name, JobState.ended_at))}


def forget(before: datetime) -> int:
    """Delete workers that were last seen before a time; return how many."""
    return delete_in_batches(WorkerState, WorkerState.seen_at < before)


def _is_due(now: datetime, interval: timedelta) -> ColumnElement[bool]:
    # A time further away than the interval was written by a clock that was wrong.
    return or_(JobState.due_at <= now, JobState.due_at > now + interval)


def _is_free(worker_id: uuid.UUID, now: datetime) -> ColumnElement[bool]:
    # A worker runs each job in one thread: held by itself, the job is one whose end it could not record.
    living = select(WorkerState.id).where(WorkerState.seen_at > now - ALIVE, WorkerState.id != worker_id)
    return or_(JobState.holder.is_(None), JobState.holder.not_in(living))
