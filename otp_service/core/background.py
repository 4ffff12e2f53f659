"""Work that goes on after the answer, so that the answer's time and bytes tell nothing of it."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from flask import Flask

from otp_service.core.errors import ServiceError
from otp_service.core.services import services
from otp_service.core.web.tracing import request_id

THREADS = 4
CAPACITY = 64
HEAD_START_SECONDS = 0.05
"""How long work lets the answer go ahead: it must not be felt in it."""

log = logging.getLogger(__name__)


class Background:
    """A few threads of one application and what waits for them. Nobody is told what became of it but the log.

    The threads start with the first work, so in each worker after the fork. A process that is asked to stop finishes
    what it has taken (the interpreter waits for it); one that is killed loses it: only what a person will ask for
    again belongs here.
    """

    def __init__(self, app: Flask, *, threads: int = THREADS, capacity: int = CAPACITY) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="background")
        self._places = threading.Semaphore(capacity)
        self._pending: set[Future[None]] = set()

    def run_later(self, work: str, act: Callable[[], object]) -> bool:
        """Have `act` called in an application context; False, and a line in the log, when too much waits already."""
        facts = {"work": work, "requestId": request_id()}
        if not self._places.acquire(blocking=False):
            log.error("background.dropped", extra=facts)
            return False
        future = self._pool.submit(self._run, act, facts, time.monotonic() + HEAD_START_SECONDS)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return True

    def drain(self, *, timeout_seconds: float = 30) -> bool:
        """Wait until all that was taken is done; False when the time is over before."""
        return not wait(list(self._pending), timeout=timeout_seconds).not_done

    def _run(self, act: Callable[[], object], facts: dict[str, str | None], not_before: float) -> None:
        try:
            time.sleep(max(0.0, not_before - time.monotonic()))
            with self._app.app_context():
                act()
        except ServiceError as refused:
            log.info("background.refused", extra={**facts, "code": refused.code})
        except Exception:
            log.exception("background.failed", extra=facts)
        finally:
            self._places.release()


def run_later(work: str, act: Callable[[], object]) -> None:
    """Have the running application call `act` after this answer; `work` names it in the log."""
    _current().run_later(work, act)


def drain(*, timeout_seconds: float = 30) -> bool:
    """Wait until the running application has done all that was left for later."""
    return _current().drain(timeout_seconds=timeout_seconds)


def _current() -> Background:
    return services().background
