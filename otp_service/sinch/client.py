"""The client of the Sinch Verification API: start, report, status."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from otp_service.core.calls.guarded_call import GuardedCaller, Guards
from otp_service.core.calls.guards import BreakerState, share_deadline
from otp_service.providers import Channel
from otp_service.sinch import parsing, request_bodies
from otp_service.sinch.api_types import Receipt, Report, Status
from otp_service.sinch.errors import VerificationNotFound
from otp_service.sinch.refusals import payload_of, require_success
from otp_service.sinch.settings import SinchSettings
from otp_service.sinch.transport import Call, Operation, Transport


class SinchClient:
    """One for each process, shared by its threads. The first call opens the first connection.

    Every call takes `deadline_seconds` at most. It raises CallError, and ValueError for input that can never be
    right: a number not in E.164, a reference that cannot stand in a path, an unknown channel. `before_call` runs
    before each request in the calling thread, and its errors come through.
    """

    def __init__(self, settings: SinchSettings, before_call: Callable[[], None] | None = None) -> None:
        self._settings = settings
        self._transport = Transport(settings)
        self._caller = GuardedCaller(_guards(settings), before_call)

    def start(
        self,
        number: str,
        channel: Channel,
        *,
        reference: str,
        locale: str | None = None,
        template: str | None = None,
        ttl_seconds: int | None = None,
    ) -> Receipt:
        """Have Sinch send a code to `number`. `reference` is ours and unique; it finds the verification again.

        `ttl_seconds` is how long the code of an SMS is valid, where that differs from the settings.

        After OutcomeUnknown a message may be on its way: call `find_started(reference)`, do not start again.
        """
        channel = Channel(channel)
        options = request_bodies.Options(locale, template, ttl_seconds or self._settings.code_ttl_seconds)
        call = request_bodies.start_call(number, channel, reference, options)
        return parsing.parse_receipt(self._call(call), channel)

    def report(self, provider_id: str, channel: Channel, code: str) -> Report:
        """Report the code, or for a flash call the number that rang. Returns only if it was right.

        Raises CodeRejected, VerificationExpired, VerificationFailed, VerificationNotFound. After OutcomeUnknown the
        code may be spent: `status` says whether it was right.
        """
        channel = Channel(channel)
        payload = self._call(request_bodies.report_call(provider_id, channel, code))
        return require_success(parsing.parse_report(payload, channel, expected_id=provider_id))

    def status(self, provider_id: str) -> Status:
        """Return the state of a verification. Raises VerificationNotFound."""
        call = request_bodies.status_call("id", request_bodies.checked_id(provider_id))
        found = parsing.parse_status(self._call(call))
        parsing.check_same("id", provider_id, found.id)
        return found

    def status_by_reference(self, reference: str) -> Status:
        """Return the state of the verification that was started with `reference`. Raises VerificationNotFound."""
        call = request_bodies.status_call("reference", request_bodies.checked_reference(reference))
        found = parsing.parse_status(self._call(call))
        parsing.check_same("reference", reference, found.reference or reference)  # Sinch may leave it out
        return found

    def find_started(self, reference: str, *, expected_id: str | None = None) -> Status | None:
        """Return the state of a start, or None if Sinch never saw it. `expected_id` is Sinch's id, once it is known.

        A start that was cut off may still arrive: None is final only once `deadline_seconds` have passed (ADR 4).
        Raises OutcomeUnknown for a response about another verification.
        """
        try:
            found = self.status_by_reference(reference)
        except VerificationNotFound:
            return None
        # Sinch may leave the reference out, and a code may be granted by this response: its id must be ours then.
        parsing.check_same("id", expected_id or found.id, found.id)
        return found

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Share one deadline: all calls inside `with client.within(7):` end within 7 seconds in total."""
        return share_deadline(seconds)

    def state(self) -> BreakerState:
        """Return the state of this process's circuit breaker, for readiness. Makes no call."""
        return self._caller.state()

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def _call(self, call: Call) -> dict[str, Any]:
        def exchange(within_seconds: float) -> dict[str, Any]:
            return payload_of(self._transport.exchange(call, within_seconds), call.operation)

        return self._caller.call(call.operation.value, exchange, may_repeat=call.operation is Operation.STATUS)


def _guards(settings: SinchSettings) -> Guards:
    return Guards(
        server="Sinch",
        event="sinch",
        deadline_seconds=settings.deadline_seconds,
        max_in_flight=settings.max_in_flight,
        in_flight_wait_seconds=settings.in_flight_wait_seconds,
        failure_threshold=settings.failure_threshold,
        cool_down_seconds=settings.cool_down_seconds,
        retry_pause_seconds=settings.retry_pause_seconds,
    )
