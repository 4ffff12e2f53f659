"""Work that runs after the response, so that the time and bytes of the response do not reveal it."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from flask import Flask

from otp_service.core import tasks
from otp_service.core.crypto.hash_slots import SlotsBusy
from otp_service.core.services import services
from otp_service.core.web.tracing import request_id

THREADS = 12
CAPACITY = 48
"""As much as the threads do within the grace of a stop, if each task waits 4 s for the provider."""

RETRY_SECONDS = 5
BATCH = 20
RESUME_SECONDS = (tasks.HANDED_OVER_AFTER.total_seconds() + 1, tasks.LEASE.total_seconds())
"""When a new process looks for what an earlier one has not begun, and for what that one had begun."""

HEAD_START_SECONDS = 0.05
"""The work starts this much later, so that it does not slow the response down."""

log = logging.getLogger(__name__)


RunLater = Callable[[str, Mapping[str, Any]], None]
"""Has a task of a kind carried out after the response, with the given values (see core.tasks)."""


class Background:
    """A few threads of one application, and the tasks that wait for them. Only the log reports how they ended.

    The threads start with the first task, hence in each worker after the fork. A process that is asked to stop finishes
    its tasks, since the interpreter waits for them. Those of one that is killed are carried out by another (ADR 43).
    """

    def __init__(self, app: Flask, *, threads: int = THREADS, capacity: int = CAPACITY) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="background")
        self._places = threading.Semaphore(capacity)
        self._pending: set[Future[None]] = set()

    @contextmanager
    def place(self) -> Iterator["RunLater"]:
        """Keep a place for one task; the block may give it the task. Raises SlotsBusy if too much waits.

        Take it before anything is counted or promised: what was promised must not be dropped.
        """
        # Bounded, because each task may hold a connection or a password hash: a flood must not pile up here.
        if not self._places.acquire(blocking=False):
            log.warning("background.full", extra={"requestId": request_id()})
            raise SlotsBusy(retry_after_seconds=RETRY_SECONDS)
        given: list[str] = []

        def run_later(kind: str, values: Mapping[str, Any]) -> None:
            # Committed before the response: from now on, a crash does not break the promise.
            task_id = tasks.add(kind, values)
            given.append(kind)
            self._submit(kind, task_id)

        try:
            yield run_later
        finally:
            if not given:
                self._places.release()

    def _submit(self, kind: str, task_id: uuid.UUID) -> None:
        facts = {"work": kind, "requestId": request_id()}
        future = self._pool.submit(self._run, task_id, facts, time.monotonic() + HEAD_START_SECONDS)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)

    def drain(self, *, timeout_seconds: float = 30) -> bool:
        """Wait until all work is done. Returns False if the time runs out first."""
        return not wait(list(self._pending), timeout=timeout_seconds).not_done

    def _run(self, task_id: uuid.UUID, facts: dict[str, str | None], not_before: float) -> None:
        try:
            # Not at once: work that competes with the response for the processor would show in its time (ADR 18).
            time.sleep(max(0.0, not_before - time.monotonic()))
            with self._app.app_context():
                _carry_out(task_id, facts, is_own=True)
        finally:
            self._places.release()

    def resume(self, *, pauses_seconds: tuple[float, ...] = RESUME_SECONDS) -> None:
        """Carry out what a process that was killed has left, once this one was started in its place."""
        threading.Thread(target=self._resume, args=[pauses_seconds], name="resumed-tasks", daemon=True).start()

    def _resume(self, pauses_seconds: tuple[float, ...]) -> None:
        for pause in pauses_seconds:
            time.sleep(pause)
            with self._app.app_context():
                try:
                    carry_out_due()
                except Exception:  # the database is away; the worker process looks again
                    log.exception("background.failed", extra={"work": "resume"})


def carry_out_due() -> None:
    """Carry out the tasks that no living process has, one after the other. Any number of processes may do so."""
    for task_id in tasks.find_due(limit=BATCH):
        _carry_out(task_id, {"work": "left by another process"}, is_own=False)


def _carry_out(task_id: uuid.UUID, facts: Mapping[str, str | None], *, is_own: bool) -> None:
    try:
        tasks.carry_out(task_id, is_own=is_own)
    except Exception:
        # The task stays: another try comes after the lease.
        log.exception("background.failed", extra=facts)


def place() -> AbstractContextManager[RunLater]:
    """Keep a place for a task that the running application carries out after this response. Raises SlotsBusy."""
    return _current().place()


def drain(*, timeout_seconds: float = 30) -> bool:
    """Wait until the running application has done all work. Returns False if the time runs out first."""
    return _current().drain(timeout_seconds=timeout_seconds)


def _current() -> Background:
    return services().background
