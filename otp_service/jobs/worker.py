"""The process that runs the jobs."""

import signal
from typing import Any

from flask import Flask
from huey import Huey
from huey.consumer import Consumer, Scheduler

from otp_service.jobs.engine import make_queue

THREADS = 2
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
REDIS_SECONDS = 5.0  # more than the second for which it waits there for a task
LONGEST_POLL_SECONDS = 0.5
STOP_SECONDS = 25  # inside the 30 s that Kubernetes gives; a message cut off there is sent again after its lease


class EverySecond(Scheduler):  # type: ignore[misc]
    """Huey asks its periodic tasks once a minute; ours may be due more often."""

    periodic_task_seconds = 1


class Worker(Consumer):  # type: ignore[misc]
    """SIGTERM, SIGINT and SIGHUP let it finish what it has in hand; the same one again ends it at once."""

    scheduler_class = EverySecond

    def __init__(self, huey: Huey, **options: Any) -> None:
        super().__init__(huey, **options)
        # Huey's own SIGHUP starts the command anew by its file, which fails for `python -m flask`.
        restarts, is_graceful = False, True
        self._signal_actions = dict.fromkeys(STOPPING, (restarts, is_graceful))


def run(app: Flask) -> None:
    """Run the jobs until a signal ends it."""
    Worker(
        make_queue(app, timeout_seconds=REDIS_SECONDS),
        workers=THREADS,
        max_delay=LONGEST_POLL_SECONDS,
        shutdown_timeout=STOP_SECONDS,
    ).run()
