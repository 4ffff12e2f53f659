"""A circuit breaker: after several failures in a row, stop asking for a while, then try one call."""

import threading
import time
from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    """Closed: calls go through. Open: none does. Half-open: the next one is, or is being, tried."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Counts failures in a row over all threads of this process; durations are read from `monotonic`.

    One trial is let through per cool-down, so a trial that never reports back blocks nobody for longer than that.
    """

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
        """The state now, for the readiness page."""
        with self._lock:
            if self._trial_at is None:
                return BreakerState.CLOSED
            is_due = self._monotonic() >= self._trial_at
            return BreakerState.HALF_OPEN if is_due or self._is_trial_running else BreakerState.OPEN

    def admit(self) -> bool:
        """Whether a call may go out now. Once the cool-down is over the first caller gets the one trial."""
        with self._lock:
            if self._trial_at is None:
                return True
            now = self._monotonic()
            if now < self._trial_at:
                return False
            self._is_trial_running = True
            self._trial_at = now + self._cool_down_seconds
            return True

    def wait_seconds(self) -> float:
        """How long until a call is let through; 0 when one may go now."""
        with self._lock:
            if self._trial_at is None:
                return 0.0
            return max(0.0, self._trial_at - self._monotonic())

    def record_success(self) -> bool:
        """Sinch works. True when this closed the breaker."""
        with self._lock:
            was_open = self._trial_at is not None
            self._failures = 0
            self._trial_at = None
            self._is_trial_running = False
            return was_open

    def record_failure(self) -> bool:
        """Sinch does not work. True when this opened the breaker, or kept it open after its trial."""
        with self._lock:
            self._failures += 1
            is_closed = self._trial_at is None
            if self._failures < self._failure_threshold or not (is_closed or self._is_trial_running):
                return False  # too few yet, or a straggler from before it opened: no new cool-down for that
            self._trial_at = self._monotonic() + self._cool_down_seconds
            self._is_trial_running = False
            return True
