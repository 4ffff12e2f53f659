"""The one place where the service reads the time; tests move it."""

from collections.abc import Callable
from datetime import UTC, datetime


def system_now() -> datetime:
    """The time of the machine, aware and in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the clock


_source: Callable[[], datetime] = system_now


def now() -> datetime:
    """The current time, aware and in UTC. Read it once per operation and pass it on."""
    return _source()


def use(source: Callable[[], datetime] | None) -> None:
    """Read the time from `source` from now on; None returns to the system's clock."""
    global _source  # noqa: PLW0603 - the service has one clock
    _source = source or system_now
