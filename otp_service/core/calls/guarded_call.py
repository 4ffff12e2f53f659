"""A guarded call to a server outside: its deadline, place, breaker and log line, and one retry where it is safe."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from otp_service.core.calls.errors import BreakerOpen, CallError, NotSent, OutcomeUnknown, TooManyInFlight, Unavailable
from otp_service.core.calls.guards import BreakerState, Bulkhead, CircuitBreaker, Deadline

T = TypeVar("T")
log = logging.getLogger(__name__)

_MIN_SECONDS = 0.05  # an exchange that has less time left is not started: it would only leave the outcome unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """How the calls to one server are guarded. `server` is its name in sentences, `event` the one in the log."""

    server: str
    event: str
    deadline_seconds: float
    max_in_flight: int
    in_flight_wait_seconds: float
    failure_threshold: int
    cool_down_seconds: float
    retry_pause_seconds: float


class GuardedCaller:
    """Makes calls on behalf of all threads of this process.

    `before_call` runs before each request in the calling thread, and its errors come through.
    """

    def __init__(self, guards: Guards, before_call: Callable[[], None] | None) -> None:
        self._guards = guards
        self._before_call = before_call
        self._bulkhead = Bulkhead(guards.server, guards.max_in_flight, guards.in_flight_wait_seconds)
        self._breaker = CircuitBreaker(
            failure_threshold=guards.failure_threshold, cool_down_seconds=guards.cool_down_seconds
        )

    def call(self, operation: str, exchange: Callable[[float], T], *, may_repeat: bool = False) -> T:
        """Return what `exchange` returns, which gets the seconds that it may take. Raises CallError.

        The deadline covers the retry too. `may_repeat`: the request changes nothing, and may arrive twice.
        """
        deadline = Deadline.after(self._guards.deadline_seconds)
        try:
            return self._attempt(operation, exchange, deadline, attempt=1)
        except CallError as error:
            pause = self._guards.retry_pause_seconds * random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries
            if not _may_retry(error, may_repeat=may_repeat) or deadline.remaining_seconds() - pause < _MIN_SECONDS:
                raise
        time.sleep(pause)  # outside the handler, so that the second error does not carry the first as its context
        return self._attempt(operation, exchange, deadline, attempt=2)

    def state(self) -> BreakerState:
        """Return the state of the breaker."""
        return self._breaker.state()

    def _attempt(self, operation: str, exchange: Callable[[float], T], deadline: Deadline, attempt: int) -> T:
        if self._before_call:
            self._before_call()
        started = time.monotonic()
        outcome: CallError | None = None
        try:
            return self._guarded(exchange, deadline)
        except CallError as error:
            outcome = error
            raise
        finally:
            self._log(operation, outcome, attempt, milliseconds=(time.monotonic() - started) * 1000)

    def _guarded(self, exchange: Callable[[float], T], deadline: Deadline) -> T:
        self._check_breaker()  # before the bulkhead: with the server down, a thread must not queue for a place
        with self._bulkhead.place(deadline.remaining_seconds()):
            remaining = deadline.remaining_seconds()
            if remaining < _MIN_SECONDS:
                raise NotSent(f"no time is left for a call to {self._guards.server}")
            # Again, for the breaker may have opened during the wait. Only here, with a place held, is the one trial
            # taken: a trial that then found no place would cost a whole cool-down.
            if not self._breaker.admit():
                self._check_breaker()
            return self._counted(exchange, remaining)

    def _check_breaker(self) -> None:
        wait = self._breaker.wait_seconds()
        if wait > 0:
            raise BreakerOpen(f"{self._guards.server} has just failed several times", retry_after_seconds=wait)

    def _counted(self, exchange: Callable[[float], T], within_seconds: float) -> T:
        try:
            found = exchange(within_seconds)
        except (NotSent, OutcomeUnknown):
            if self._breaker.record_failure():
                log.warning("%s.breaker_opened", self._guards.event)
            raise
        except CallError:
            self._succeeded()  # a refusal is a response: the server works
            raise
        self._succeeded()
        return found

    def _succeeded(self) -> None:
        if self._breaker.record_success():
            log.warning("%s.breaker_closed", self._guards.event)

    def _log(self, operation: str, error: CallError | None, attempt: int, milliseconds: float) -> None:
        level = logging.WARNING if isinstance(error, Unavailable) else logging.INFO
        fields = {
            "operation": operation,
            "outcome": type(error).__name__ if error else "ok",
            "reason": error.detail if isinstance(error, Unavailable) else None,
            "ms": round(milliseconds, 1),
            "attempt": attempt,
            "httpStatus": error.http_status if error else None,
            "errorCode": error.error_code if error else None,
        }
        log.log(level, "%s.call", self._guards.event, extra=fields)


def _may_retry(error: CallError, *, may_repeat: bool) -> bool:
    """Retry what never left, and what may arrive twice. A start or a report that may have left is not sent twice."""
    if isinstance(error, BreakerOpen | TooManyInFlight):
        return False  # a moment later the guards would say the same
    return isinstance(error, NotSent) or (may_repeat and error.is_outcome_unknown)
