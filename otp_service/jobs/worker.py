"""The worker process: a thread for each job. It asks the database what is due, and needs nothing else (ADR 12)."""

import logging
import os
import select
import signal
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

from flask import Flask

from otp_service.jobs import records
from otp_service.jobs.records import Claim
from otp_service.jobs.schedule import JOBS, Job

BEAT_SECONDS = 10.0
POLL_SECONDS = 5.0
"""How long a job may be due before a worker notices."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STOP_SECONDS = 25.0
"""Less than the 30 s that Kubernetes allows. A message cut off by then is sent again after its lease."""

log = logging.getLogger(__name__)


class Worker:
    """On the first stop signal it finishes the runs in hand; on the second one it ends at once."""

    def __init__(self, app: Flask, jobs: tuple[Job, ...] = JOBS) -> None:
        self._app = app
        self._jobs = jobs
        self._id = uuid.uuid4()
        self._stopping = threading.Event()
        self._failing: set[str] = set()

    def run(self) -> None:
        """Run the jobs until a signal stops the process."""
        signals = _Signals()
        acts = [("heartbeat", BEAT_SECONDS, lambda: records.beat(self._id), None), *map(self._entry, self._jobs)]
        threads = [threading.Thread(target=self._repeat, args=act, name=act[0], daemon=True) for act in acts]
        for thread in threads:
            thread.start()
        signals.wait(None)
        log.info("worker.stopping")
        self._stopping.set()
        deadline = time.monotonic() + STOP_SECONDS
        while any(thread.is_alive() for thread in threads) and time.monotonic() < deadline:
            if signals.wait(0.05):
                break  # the second signal: its sender does not want to wait
        self.attempt("heartbeat", lambda: records.leave(self._id))

    def attempt(self, name: str, act: Callable[[], object]) -> bool:
        """Run `act`; an error ends nothing. Returns whether to run it again at once."""
        try:
            with self._app.app_context():
                is_unfinished = act() is True
        except Exception:
            # One line for each change of state: while the database is away, every run fails.
            if name not in self._failing:
                self._failing.add(name)
                log.exception("job.failed", extra={"job": name})
            return False
        if name in self._failing:
            self._failing.discard(name)
            log.warning("job.recovered", extra={"job": name})
        return is_unfinished

    def run_alone(self, job: Job) -> None:
        """Run the job if it is due and no other worker runs it. Raises what the job raises."""
        held = Claim(job.name, self._id, timedelta(seconds=job.every_seconds))
        if not records.claim(held):
            return
        try:
            job.act()
        except Exception as error:
            records.release(held, error=type(error).__name__)
            raise
        records.release(held, error=None)

    def _entry(self, job: Job) -> tuple[str, float, Callable[[], object], Callable[[], object] | None]:
        if job.is_shared:
            return job.name, job.every_seconds, job.act, job.finish
        return job.name, min(job.every_seconds, POLL_SECONDS), lambda: self.run_alone(job), job.finish

    def _repeat(
        self, name: str, pause_seconds: float, act: Callable[[], object], finish: Callable[[], object] | None
    ) -> None:
        while not self._stopping.is_set():
            if not self.attempt(name, act):
                self._stopping.wait(pause_seconds)
        if finish is not None:
            self.attempt(name, finish)


class _Signals:
    """Lets the main thread wait for stop signals. The handlers take no lock, which could be held as they run."""

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: os.write(writer, b"\0"))

    def wait(self, seconds: float | None) -> bool:
        """Return whether a signal came in this time. None waits without a limit."""
        if not select.select([self._reader], [], [], seconds)[0]:
            return False
        return bool(os.read(self._reader, 1))


def run(app: Flask) -> None:
    """Run the jobs until a signal stops the process."""
    Worker(app).run()
