"""The one place where the service reads the time. Tests move it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta


def system_now() -> datetime:
    """Return the time of the machine, aware and in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the clock


_source: Callable[[], datetime] = system_now


def now() -> datetime:
    """Return the current time, aware and in UTC. Read it once per operation and pass it on."""
    return _source()


def day_of(moment: datetime) -> date:
    """Return the day (UTC) that a time is in."""
    return moment.astimezone(UTC).date()


def end_of(day: date) -> datetime:
    """Return the midnight (UTC) at which a day ends."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def use(source: Callable[[], datetime] | None) -> None:
    """Read the time from `source` from now on; None returns to the clock of the machine."""
    global _source  # noqa: PLW0603 - the service has one clock
    _source = source or system_now
