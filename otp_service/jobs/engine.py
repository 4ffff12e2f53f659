"""Sets up Huey, with its queue in a file, or in Redis when REDIS_URL is set. The queue only says when to do things."""

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask
from huey import Huey, RedisHuey, SqliteHuey
from huey.serializer import SignedSerializer
from redis import ConnectionPool

from otp_service.core import clock
from otp_service.core.settings import settings
from otp_service.jobs.periodic import JOBS, Job

if TYPE_CHECKING:
    from config import Config

QUEUE = "otp_service"
STALE_SECONDS = 60
"""A task that waited so long is dropped: the next one is on its way."""

log = logging.getLogger(__name__)


def make_queue(app: Flask, *, timeout_seconds: float) -> Huey:
    """The queue with all jobs registered; opens it. `timeout_seconds` is how long Redis may take to answer."""
    with app.app_context():
        config = settings()
        # Huey reads what it finds with pickle: without a signature, to write there would be to run code here.
        secret = app.extensions["keyring"].digest(QUEUE, purpose="job queue")
    huey = _opened(config, SignedSerializer(secret=secret), timeout_seconds)
    for job in JOBS:
        huey.periodic_task(Interval(job.every_seconds), name=job.name, expires=STALE_SECONDS)(_task(app, job))
    logging.getLogger("huey").setLevel(logging.WARNING)  # it has a line for every task
    return huey


def task_of(huey: Huey, job: Job) -> Any:
    """A task that runs a job once, ready to be enqueued."""
    name = next(known for known in huey._registry._registry if known.endswith(f".{job.name}"))
    return huey._registry.string_to_task(name)()


def _opened(config: "Config", serializer: SignedSerializer, timeout_seconds: float) -> Huey:
    options: dict[str, Any] = {"serializer": serializer, "results": False}
    if config.redis_url is None:
        return SqliteHuey(QUEUE, filename=str(config.instance_dir / "jobs.db"), timeout=timeout_seconds, **options)
    pool = ConnectionPool.from_url(
        config.redis_url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds
    )
    return RedisHuey(QUEUE, connection_pool=pool, **options)


def _task(app: Flask, job: Job) -> Callable[[], None]:
    """A job in a context of its own; one at a time in a process, and no fault of it ends the worker."""
    running = threading.Lock()

    def run() -> None:
        if not running.acquire(blocking=False):
            return
        try:
            with app.app_context():
                job.act()
        except Exception:
            log.exception("job.failed", extra={"job": job.name})
        finally:
            running.release()

    return run


class Interval:
    """Says whether a job is due: once in each span of so many seconds, and at the first asking."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._last: int | None = None

    def __call__(self, _: object) -> bool:
        """Huey asks every second. What it skipped while the machine slept is due once, not many times."""
        span = int(clock.now().timestamp()) // self._seconds
        is_due, self._last = span != self._last, span
        return is_due
