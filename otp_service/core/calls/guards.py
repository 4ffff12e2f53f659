"""What keeps trouble at a server outside from spreading: a deadline, a limit on calls in flight, a circuit breaker.

A request of ours ends in time, most threads stay free, and a server that is down is left alone for a while. All state
belongs to this process and is shared by its threads.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from otp_service.core.calls.errors import TooManyInFlight

_shared_deadline: ContextVar[float | None] = ContextVar("shared_deadline", default=None)


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the moment `seconds` from now, or the end of the surrounding `share_deadline` if that is sooner."""
        own = time.monotonic() + seconds
        outer = _shared_deadline.get()
        return cls(own if outer is None else min(own, outer))

    def remaining_seconds(self) -> float:
        """Return the time that is left; negative once the moment has passed."""
        return self.at - time.monotonic()


@contextmanager
def share_deadline(seconds: float) -> Iterator[None]:
    """Make all calls of this thread inside the block end within `seconds` from now."""
    token = _shared_deadline.set(Deadline.after(seconds).at)
    try:
        yield
    finally:
        _shared_deadline.reset(token)


MAY_WAIT = 48


class Bulkhead:
    """Limits the calls in flight and those that wait for a place.

    A short burst waits its turn; a server that stalls holds some threads of this process, never all of them (ADR 22).
    """

    def __init__(self, server: str, places: int, wait_seconds: float) -> None:
        self._server = server
        self._free = threading.BoundedSemaphore(places)
        self._may_wait = threading.BoundedSemaphore(MAY_WAIT)
        self._wait_seconds = wait_seconds

    @contextmanager
    def place(self, at_most_seconds: float) -> Iterator[None]:
        """Hold one place, after a wait of at most `at_most_seconds`. Raises TooManyInFlight."""
        if not (self._free.acquire(blocking=False) or self._wait(max(0.0, min(self._wait_seconds, at_most_seconds)))):
            raise TooManyInFlight(f"as many calls as allowed wait for {self._server}", retry_after_seconds=1.0)
        try:
            yield
        finally:
            self._free.release()

    def _wait(self, seconds: float) -> bool:
        if not self._may_wait.acquire(blocking=False):
            return False
        try:
            return self._free.acquire(timeout=seconds)
        finally:
            self._may_wait.release()


class BreakerState(StrEnum):
    """Closed: calls go through. Open: none does. Half-open: the next call is the trial, or the trial is under way."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Opens after several failures in a row, then lets one trial through per cool-down. `monotonic` is its clock."""

    def __init__(
        self, *, failure_threshold: int, cool_down_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._failure_threshold = failure_threshold
        self._cool_down_seconds = cool_down_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._trial_at: float | None = None
        self._is_trial_running = False

    def state(self) -> BreakerState:
        """Return the current state."""
        with self._lock:
            if self._trial_at is None:
                return BreakerState.CLOSED
            is_due = self._monotonic() >= self._trial_at
            return BreakerState.HALF_OPEN if is_due or self._is_trial_running else BreakerState.OPEN

    def admit(self) -> bool:
        """Return whether a call may go out now. After the cool-down the first caller takes the one trial."""
        with self._lock:
            if self._trial_at is None:
                return True
            now = self._monotonic()
            if now < self._trial_at:
                return False
            self._is_trial_running = True
            # The next trial is due whatever becomes of this one: a trial that never reports back (its thread was
            # killed) keeps the breaker open for one more cool-down, not for good.
            self._trial_at = now + self._cool_down_seconds
            return True

    def wait_seconds(self) -> float:
        """Return the time until the next trial; 0 if a call may go out now."""
        with self._lock:
            if self._trial_at is None:
                return 0.0
            return max(0.0, self._trial_at - self._monotonic())

    def record_success(self) -> bool:
        """Note that the server responded. Returns True if this closed the breaker."""
        with self._lock:
            was_open = self._trial_at is not None
            self._failures = 0
            self._trial_at = None
            self._is_trial_running = False
            return was_open

    def record_failure(self) -> bool:
        """Note that the server failed. Returns True if this opened the breaker, or kept it open after its trial."""
        with self._lock:
            self._failures += 1
            is_closed = self._trial_at is None
            if self._failures < self._failure_threshold or not (is_closed or self._is_trial_running):
                # Too few failures yet, or a call that left before the breaker opened: it starts no new cool-down.
                return False
            self._trial_at = self._monotonic() + self._cool_down_seconds
            self._is_trial_running = False
            return True
