"""A call with its guards: the deadline, the bulkhead, the breaker, the one safe retry, and its line in the log."""

import logging
import random
import time
from collections.abc import Callable
from typing import Any

from otp_service.sinch.breaker import BreakerState, CircuitBreaker
from otp_service.sinch.bulkhead import Bulkhead
from otp_service.sinch.deadline import Deadline
from otp_service.sinch.errors import BreakerOpen, NotSent, OutcomeUnknown, SinchError, TooManyInFlight, Unavailable
from otp_service.sinch.refusals import payload_of
from otp_service.sinch.settings import SinchSettings
from otp_service.sinch.transport import Call, Operation, Transport

logger = logging.getLogger(__name__)

_TOO_SHORT_SECONDS = 0.05  # no use in starting an exchange with less than that


class Caller:
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
        """Sinch's answer to `call`, within the deadline all retries included. Raises SinchError."""
        deadline = Deadline.after(self._settings.deadline_seconds)
        try:
            return self._attempt(call, deadline, attempt=1)
        except SinchError as error:
            pause = self._settings.retry_pause_seconds * random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries
            if not _may_retry(call, error) or deadline.remaining_seconds() - pause < _TOO_SHORT_SECONDS:
                raise
        time.sleep(pause)
        return self._attempt(call, deadline, attempt=2)

    def state(self) -> BreakerState:
        """The breaker's state, for readiness."""
        return self._breaker.state()

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def _attempt(self, call: Call, deadline: Deadline, attempt: int) -> dict[str, Any]:
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

    def _guarded(self, call: Call, deadline: Deadline) -> dict[str, Any]:
        self._check_breaker()  # first: with Sinch down nobody should queue for a place
        with self._bulkhead.place(deadline.remaining_seconds()):
            remaining = deadline.remaining_seconds()
            if remaining < _TOO_SHORT_SECONDS:
                raise NotSent("no time is left for a call to Sinch")
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
            self._succeeded()  # a refusal is an answer: Sinch works
            raise
        self._succeeded()
        return payload

    def _succeeded(self) -> None:
        if self._breaker.record_success():
            logger.warning("sinch.breaker_closed")


def _may_retry(call: Call, error: SinchError) -> bool:
    """Again only what surely was not sent, and questions; what was not even tried would only fail again."""
    if isinstance(error, BreakerOpen | TooManyInFlight):
        return False
    is_harmless_question = call.operation is Operation.STATUS and error.is_outcome_unknown
    return isinstance(error, NotSent) or is_harmless_question


def _log(call: Call, error: SinchError | None, attempt: int, milliseconds: float) -> None:
    level = logging.WARNING if isinstance(error, Unavailable) else logging.INFO
    fields = {
        "operation": call.operation.value,
        "outcome": type(error).__name__ if error else "ok",
        "milliseconds": round(milliseconds, 1),
        "attempt": attempt,
        "http_status": error.http_status if error else None,
        "error_code": error.error_code if error else None,
    }
    logger.log(level, "sinch.call", extra=fields)
