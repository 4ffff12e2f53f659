"""The simulator's time: the machine's, plus what it was told to skip."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _machine_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the simulator's own clock


class Clock:
    """Two times: `now()` ages verifications and can be advanced, `base()` dates and checks signatures.

    They differ so that skipping five minutes expires codes without making every signature of a client,
    whose own clock nobody moved, look stale.
    """

    def __init__(self, source: Callable[[], datetime] | None = None, skipped_seconds: float = 0) -> None:
        self._source = source or _machine_now
        self._skipped = timedelta(seconds=skipped_seconds)
        self._lock = threading.Lock()

    def base(self) -> datetime:
        """The source's time, never advanced."""
        return self._source()

    def now(self) -> datetime:
        """The time by which verifications age."""
        return self._source() + self._skipped

    def advance(self, seconds: float) -> None:
        """Skip `seconds`, for good."""
        with self._lock:
            self._skipped += timedelta(seconds=seconds)

    @property
    def skipped_seconds(self) -> float:
        """How much was skipped since the first start."""
        return self._skipped.total_seconds()


def seven_decimals(moment: datetime) -> str:
    """`2024-05-22T09:38:59.5590430`: UTC with seven decimals and no zone, as Sinch writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"


def iso_utc(moment: datetime) -> str:
    """`2024-05-22T09:38:59.559043Z`, as the simulator's own pages write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
