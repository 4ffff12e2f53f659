"""Work that runs after the response, so that the time and bytes of the response do not reveal it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager

from flask import Flask

from otp_service.core.crypto.hash_slots import SlotsBusy
from otp_service.core.errors import ServiceError
from otp_service.core.services import services
from otp_service.core.web.tracing import request_id

THREADS = 12
CAPACITY = 48
"""As much as the threads do within the grace of a stop, if each unit of work waits 4 s for the provider."""

RETRY_SECONDS = 5
HEAD_START_SECONDS = 0.05
"""The work starts this much later, so that it does not slow the response down."""

log = logging.getLogger(__name__)


RunLater = Callable[[str, Callable[[], object]], None]
"""Has work called in an application context after the response; the first argument is its name in the log."""


class Background:
    """A few threads of one application, and the work that waits for them. Only the log reports how it ended.

    The threads start with the first work, hence in each worker after the fork. A process that is asked to stop finishes
    its work, since the interpreter waits for it. One that is killed loses it, so only work that a person will request
    again belongs here.
    """

    def __init__(self, app: Flask, *, threads: int = THREADS, capacity: int = CAPACITY) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="background")
        self._places = threading.Semaphore(capacity)
        self._pending: set[Future[None]] = set()

    @contextmanager
    def place(self) -> Iterator["RunLater"]:
        """Keep a place for one unit of work; the block may give it the work. Raises SlotsBusy if too much waits.

        Take it before anything is counted or promised: what was promised must not be dropped.
        """
        # Bounded, because each unit of work may hold a connection or a password hash: a flood must not pile up here.
        if not self._places.acquire(blocking=False):
            log.warning("background.full", extra={"requestId": request_id()})
            raise SlotsBusy(retry_after_seconds=RETRY_SECONDS)
        given: list[str] = []

        def run_later(work: str, act: Callable[[], object]) -> None:
            given.append(work)
            self._submit(work, act)

        try:
            yield run_later
        finally:
            if not given:
                self._places.release()

    def _submit(self, work: str, act: Callable[[], object]) -> None:
        facts = {"work": work, "requestId": request_id()}
        future = self._pool.submit(self._run, act, facts, time.monotonic() + HEAD_START_SECONDS)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)

    def drain(self, *, timeout_seconds: float = 30) -> bool:
        """Wait until all work is done. Returns False if the time runs out first."""
        return not wait(list(self._pending), timeout=timeout_seconds).not_done

    def _run(self, act: Callable[[], object], facts: dict[str, str | None], not_before: float) -> None:
        try:
            # Not at once: work that competes with the response for the processor would show in its time (ADR 18).
            time.sleep(max(0.0, not_before - time.monotonic()))
            with self._app.app_context():
                act()
        except ServiceError as refused:  # a limit or a rule said no: the client must not learn that
            log.info("background.refused", extra={**facts, "code": refused.code})
        except Exception:
            log.exception("background.failed", extra=facts)
        finally:
            self._places.release()


def place() -> AbstractContextManager[RunLater]:
    """Keep a place for work that the running application does after this response. Raises SlotsBusy."""
    return _current().place()


def drain(*, timeout_seconds: float = 30) -> bool:
    """Wait until the running application has done all work. Returns False if the time runs out first."""
    return _current().drain(timeout_seconds=timeout_seconds)


def _current() -> Background:
    return services().background
