"""The worker process: Huey with its queue in a file, or in Redis if REDIS_URL is set, running the jobs (ADR 12)."""

import logging
import signal
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask
from huey import Huey, RedisHuey, SqliteHuey
from huey.consumer import Consumer, Scheduler
from huey.serializer import SignedSerializer
from redis import ConnectionPool

from otp_service.config import Config
from otp_service.core import clock
from otp_service.core.services import services
from otp_service.jobs.schedule import JOBS, Job

QUEUE = "otp_service"
THREADS = 2
REDIS_SECONDS = 5.0  # longer than the second for which a worker waits in Redis for a task
LONGEST_POLL_SECONDS = 0.5
STALE_SECONDS = 60
"""A periodic task that waited this long is dropped: the next one follows."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STOP_SECONDS = 25
"""Less than the 30 s that Kubernetes allows. A message cut off by then is sent again after its lease."""

log = logging.getLogger(__name__)


def run(app: Flask) -> None:
    """Run the jobs until a signal stops the process."""
    Worker(
        make_queue(app, timeout_seconds=REDIS_SECONDS),
        workers=THREADS,
        max_delay=LONGEST_POLL_SECONDS,
        shutdown_timeout=STOP_SECONDS,
    ).run()


class EverySecond(Scheduler):  # type: ignore[misc]
    """Asks the periodic tasks every second. Huey asks once a minute, and e-mail must leave sooner."""

    periodic_task_seconds = 1


class Worker(Consumer):  # type: ignore[misc]
    """On the first stop signal it finishes the tasks in hand; on the second one of the same kind it ends at once."""

    scheduler_class = EverySecond

    def __init__(self, huey: Huey, **options: Any) -> None:
        super().__init__(huey, **options)
        # Huey's own SIGHUP runs the command's file again, which fails for `python -m flask`.
        restarts, is_graceful = False, True
        self._signal_actions = dict.fromkeys(STOP_SIGNALS, (restarts, is_graceful))


def make_queue(app: Flask, *, timeout_seconds: float) -> Huey:
    """Open the queue and register all jobs. `timeout_seconds` limits how long Redis may take to respond."""
    with app.app_context():
        held = services()
        # Huey unpickles what it reads. The signature keeps someone who can write to the queue from running code here.
        secret = held.keyring.digest(QUEUE, purpose="job queue")
    huey = _open(held.settings, SignedSerializer(secret=secret), timeout_seconds)
    for job in JOBS:
        is_due = Interval(job.every_seconds)
        huey.periodic_task(is_due, name=job.name, expires=STALE_SECONDS)(guarded(app, job))
    logging.getLogger("huey").setLevel(logging.WARNING)  # below that, it logs every task
    return huey


def task_of(huey: Huey, job: Job) -> Any:
    """Create a task that runs the job once, ready to be enqueued."""
    name = next(known for known in huey._registry._registry if known.endswith(f".{job.name}"))
    return huey._registry.string_to_task(name)()


def guarded(app: Flask, job: Job) -> Callable[[], None]:
    """Wrap a job: in an application context, one run at a time in this process, and no error ends the worker."""
    running = threading.Lock()

    def run_once() -> None:
        # A run that takes longer than its interval must not occupy both threads: the next one is skipped.
        if not running.acquire(blocking=False):
            return
        try:
            with app.app_context():
                job.act()
        except Exception:
            log.exception("job.failed", extra={"job": job.name})
        finally:
            running.release()

    return run_once


class Interval:
    """Decides whether a job is due: at the first call, and then once in each span of so many seconds."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._last: int | None = None

    def __call__(self, _: object) -> bool:
        """Return whether a new span has begun. Spans missed while the machine slept make the job due once."""
        span = int(clock.now().timestamp()) // self._seconds
        is_due, self._last = span != self._last, span
        return is_due


def _open(config: Config, serializer: SignedSerializer, timeout_seconds: float) -> Huey:
    options: dict[str, Any] = {"serializer": serializer, "results": False}
    if config.stores.redis_url is None:
        return SqliteHuey(QUEUE, filename=str(config.instance_dir / "jobs.db"), timeout=timeout_seconds, **options)
    pool = ConnectionPool.from_url(
        config.stores.redis_url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds
    )
    return RedisHuey(QUEUE, connection_pool=pool, **options)
