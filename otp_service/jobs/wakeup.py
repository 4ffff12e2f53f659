"""Wakes the worker after a commit that enqueued an e-mail, so that it leaves within a second (ADR 12)."""

import logging
import time
from typing import TYPE_CHECKING

from flask import Flask

from otp_service.jobs.schedule import DELIVER

if TYPE_CHECKING:
    from huey import Huey

PAUSE_SECONDS = 30.0
TIMEOUT_SECONDS = 0.3

log = logging.getLogger(__name__)


class WorkerWakeup:
    """Called after the commit of every transaction that enqueued an e-mail. Never raises.

    A wake-up that is lost costs seconds: the worker looks into the outbox every five seconds.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._huey: Huey | None = None
        self._paused_until = 0.0

    def __call__(self) -> None:
        """Enqueue a run of the delivery job unless one is waiting."""
        # While Redis is away, each request would wait for the time-out: pause instead.
        if time.monotonic() < self._paused_until:
            return
        try:
            from otp_service.jobs import worker  # here, because Huey takes a third of a second to import

            self._huey = self._huey or worker.make_queue(self._app, timeout_seconds=TIMEOUT_SECONDS)
            # One waiting task is enough, and more would pile up while no worker runs.
            if self._huey.storage.queue_size() == 0:
                self._huey.enqueue(worker.task_of(self._huey, DELIVER))
        except Exception as error:  # noqa: BLE001 - the transaction is committed: the request must not fail now
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            log.warning("jobs.queue_away", extra={"reason": type(error).__name__})
