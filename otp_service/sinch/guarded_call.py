"""A guarded call to Sinch: a deadline, a limit on calls in flight, a circuit breaker, and one retry where it is safe.

The guards keep trouble at Sinch from spreading: a request of ours ends in time, most threads stay free, and
a provider that is down is left alone for a while. All state belongs to this process and is shared by its threads.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from otp_service.sinch.errors import BreakerOpen, NotSent, OutcomeUnknown, SinchError, TooManyInFlight, Unavailable
from otp_service.sinch.refusals import payload_of
from otp_service.sinch.settings import SinchSettings
from otp_service.sinch.transport import Call, Operation, Transport

logger = logging.getLogger(__name__)

_MIN_SECONDS = 0.05  # an exchange that has less time left is not started: it would only leave the outcome unknown

_shared_deadline: ContextVar[float | None] = ContextVar("sinch_deadline", default=None)


class GuardedCaller:
    """Makes calls on behalf of all threads of this process."""

    def __init__(self, settings: SinchSettings, before_call: Callable[[], None] | None) -> None:
        self._settings = settings
        self._before_call = before_call
        self._transport = Transport(settings)
        self._bulkhead = Bulkhead(settings.max_in_flight, settings.in_flight_wait_seconds)
        self._breaker = CircuitBreaker(
            failure_threshold=settings.failure_threshold, cool_down_seconds=settings.cool_down_seconds
        )

    def call(self, call: Call) -> dict[str, Any]:
        """Return Sinch's response to `call`. The deadline covers the retry too. Raises SinchError."""
        deadline = Deadline.after(self._settings.deadline_seconds)
        try:
            return self._attempt(call, deadline, attempt=1)
        except SinchError as error:
            pause = self._settings.retry_pause_seconds * random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries
            if not _may_retry(call, error) or deadline.remaining_seconds() - pause < _MIN_SECONDS:
                raise
        time.sleep(pause)  # outside the handler, so that the second error does not carry the first as its context
        return self._attempt(call, deadline, attempt=2)

    def state(self) -> "BreakerState":
        """Return the state of the breaker."""
        return self._breaker.state()

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def _attempt(self, call: Call, deadline: "Deadline", attempt: int) -> dict[str, Any]:
        if self._before_call:
            self._before_call()
        started = time.monotonic()
        outcome: SinchError | None = None
        try:
            return self._guarded(call, deadline)
        except SinchError as error:
            outcome = error
            raise
        finally:
            _log(call, outcome, attempt, milliseconds=(time.monotonic() - started) * 1000)

    def _guarded(self, call: Call, deadline: "Deadline") -> dict[str, Any]:
        self._check_breaker()  # before the bulkhead: with Sinch down, a thread must not queue for a place
        with self._bulkhead.place(deadline.remaining_seconds()):
            remaining = deadline.remaining_seconds()
            if remaining < _MIN_SECONDS:
                raise NotSent("no time is left for a call to Sinch")
            # Again, for the breaker may have opened during the wait. Only here, with a place held, is the one trial
            # taken: a trial that then found no place would cost a whole cool-down.
            if not self._breaker.admit():
                self._check_breaker()
            return self._counted(call, remaining)

    def _check_breaker(self) -> None:
        wait = self._breaker.wait_seconds()
        if wait > 0:
            raise BreakerOpen("Sinch has just failed several times", retry_after_seconds=wait)

    def _counted(self, call: Call, within_seconds: float) -> dict[str, Any]:
        try:
            payload = payload_of(self._transport.exchange(call, within_seconds), call.operation)
        except (NotSent, OutcomeUnknown):
            if self._breaker.record_failure():
                logger.warning("sinch.breaker_opened")
            raise
        except SinchError:
            self._succeeded()  # a refusal is a response: Sinch works
            raise
        self._succeeded()
        return payload

    def _succeeded(self) -> None:
        if self._breaker.record_success():
            logger.warning("sinch.breaker_closed")


def _may_retry(call: Call, error: SinchError) -> bool:
    """Retry what never left, and status requests. A start or a report that may have left is not sent twice (ADR 4)."""
    if isinstance(error, BreakerOpen | TooManyInFlight):
        return False  # a moment later the guards would say the same
    return isinstance(error, NotSent) or (call.operation is Operation.STATUS and error.is_outcome_unknown)


def _log(call: Call, error: SinchError | None, attempt: int, milliseconds: float) -> None:
    level = logging.WARNING if isinstance(error, Unavailable) else logging.INFO
    fields = {
        "operation": call.operation.value,
        "outcome": type(error).__name__ if error else "ok",
        "reason": error.detail if isinstance(error, Unavailable) else None,
        "ms": round(milliseconds, 1),
        "attempt": attempt,
        "httpStatus": error.http_status if error else None,
        "errorCode": error.error_code if error else None,
    }
    logger.log(level, "sinch.call", extra=fields)


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

    A short burst waits its turn; a Sinch that stalls holds some threads of this process, never all of them (ADR 22).
    """

    def __init__(self, places: int, wait_seconds: float) -> None:
        self._free = threading.BoundedSemaphore(places)
        self._may_wait = threading.BoundedSemaphore(MAY_WAIT)
        self._wait_seconds = wait_seconds

    @contextmanager
    def place(self, at_most_seconds: float) -> Iterator[None]:
        """Hold one place, after a wait of at most `at_most_seconds`. Raises TooManyInFlight."""
        if not (self._free.acquire(blocking=False) or self._wait(max(0.0, min(self._wait_seconds, at_most_seconds)))):
            raise TooManyInFlight("as many calls as allowed are waiting for Sinch", retry_after_seconds=1.0)
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
        """Note that Sinch responded. Returns True if this closed the breaker."""
        with self._lock:
            was_open = self._trial_at is not None
            self._failures = 0
            self._trial_at = None
            self._is_trial_running = False
            return was_open

    def record_failure(self) -> bool:
        """Note that Sinch failed. Returns True if this opened the breaker, or kept it open after its trial."""
        with self._lock:
            self._failures += 1
            is_closed = self._trial_at is None
            if self._failures < self._failure_threshold or not (is_closed or self._is_trial_running):
                # Too few failures yet, or a call that left before the breaker opened: it starts no new cool-down.
                return False
            self._trial_at = self._monotonic() + self._cool_down_seconds
            self._is_trial_running = False
            return True
