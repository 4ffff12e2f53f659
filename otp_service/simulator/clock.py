"""The simulator's time: the machine's, plus the time that was skipped."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _machine_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the simulator's own clock


class Clock:
    """Two times: `now()` ages verifications and can be advanced, `base()` dates and checks signatures.

    With one time, skipping five minutes would expire codes and also make every client's signature stale, because
    the client's own clock did not move.
    """

    def __init__(self, source: Callable[[], datetime] | None = None, skipped_seconds: float = 0) -> None:
        self._source = source or _machine_now
        self._skipped = timedelta(seconds=skipped_seconds)
        self._lock = threading.Lock()

    def base(self) -> datetime:
        """Return the time of the source, which is never advanced."""
        return self._source()

    def now(self) -> datetime:
        """Return the time by which verifications age."""
        return self._source() + self._skipped

    def advance(self, seconds: float) -> None:
        """Skip `seconds`."""
        with self._lock:  # two skips at once must add up
            self._skipped += timedelta(seconds=seconds)

    @property
    def skipped_seconds(self) -> float:
        """The time that was skipped since the first start."""
        return self._skipped.total_seconds()


def seven_decimals(moment: datetime) -> str:
    """Return UTC with seven decimals and no zone, as Sinch writes it: `2024-05-22T09:38:59.5590430`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"


def iso_utc(moment: datetime) -> str:
    """Return UTC as the simulator's own side writes it: `2024-05-22T09:38:59.559043Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
