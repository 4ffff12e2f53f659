"""The jobs: what runs, how often, and which function does it."""

from collections.abc import Callable
from dataclasses import dataclass

from otp_service import outbox
from otp_service.jobs import retention
from otp_service.verifications import sweeping


@dataclass(frozen=True, slots=True)
class Job:
    """`act` runs in an application context, at the start of a worker and then every `every_seconds`.

    It must be safe to run in several workers at once and to be killed at any point: the database holds the truth.
    """

    name: str
    every_seconds: int
    act: Callable[[], object]


DELIVER = Job("deliver", 5, outbox.deliver)
SWEEP = Job("sweep", 60, sweeping.sweep)
RETENTION = Job("retention", 86_400, retention.run)
JOBS = (DELIVER, SWEEP, RETENTION)
