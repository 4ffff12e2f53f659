"""Wakes the worker when something was posted, so that a message need not wait for its turn."""

import logging
import time
from typing import TYPE_CHECKING

from flask import Flask

from otp_service.jobs.periodic import DELIVER

if TYPE_CHECKING:
    from huey import Huey

QUIET_SECONDS = 30.0
TIMEOUT_SECONDS = 0.3

log = logging.getLogger(__name__)


class Waker:
    """Called after the commit of every transaction that posted something. Never raises: the worker looks anyway."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._huey: Huey | None = None
        self._quiet_until = 0.0

    def __call__(self) -> None:
        """Ask for a delivery unless one is asked for already, so that nothing piles up while no worker runs."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            from otp_service.jobs import engine

            self._huey = self._huey or engine.make_queue(self._app, timeout_seconds=TIMEOUT_SECONDS)
            if self._huey.storage.queue_size() == 0:
                self._huey.enqueue(engine.task_of(self._huey, DELIVER))
        except Exception as error:  # noqa: BLE001 - what was to be done is done and committed
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("jobs.queue_away", extra={"reason": type(error).__name__})


def init_waking(app: Flask) -> None:
    """Have the outbox wake the worker."""
    app.extensions["outbox_posted"] = Waker(app)
