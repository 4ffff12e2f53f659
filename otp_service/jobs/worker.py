"""The process that runs the jobs."""

from flask import Flask
from huey.consumer import Consumer, Scheduler

from otp_service.jobs.engine import make_queue

THREADS = 2
REDIS_SECONDS = 5.0  # more than the second for which it waits there for a task
LONGEST_POLL_SECONDS = 0.5
STOP_SECONDS = 25  # inside the 30 s that Kubernetes gives; a message cut off there is sent again after its lease


class EverySecond(Scheduler):  # type: ignore[misc]
    """Huey asks its periodic tasks once a minute; ours may be due more often."""

    periodic_task_seconds = 1


class Worker(Consumer):  # type: ignore[misc]
    """SIGTERM lets it finish what it has in hand, SIGINT ends it at once, SIGHUP starts it anew."""

    scheduler_class = EverySecond


def run(app: Flask) -> None:
    """Run the jobs until a signal ends it."""
    Worker(
        make_queue(app, timeout_seconds=REDIS_SECONDS),
        workers=THREADS,
        max_delay=LONGEST_POLL_SECONDS,
        shutdown_timeout=STOP_SECONDS,
        graceful_signal="TERM",
    ).run()
