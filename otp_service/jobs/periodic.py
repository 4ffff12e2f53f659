"""All that has to be done again and again, in one list: what, how often, by which function."""

from collections.abc import Callable
from dataclasses import dataclass

from otp_service import outbox
from otp_service.jobs import retention
from otp_service.verifications import sweeping


@dataclass(frozen=True, slots=True)
class Job:
    """`act` is called in an application context, at the worker's start and then every so many seconds.

    It must bear being called by several workers at once, and being killed at any point: truth is in the database.
    """

    name: str
    every_seconds: int
    act: Callable[[], object]


DELIVER = Job("deliver", 5, outbox.deliver)
SWEEP = Job("sweep", 60, sweeping.sweep)
RETENTION = Job("retention", 86_400, retention.run)
JOBS = (DELIVER, SWEEP, RETENTION)
