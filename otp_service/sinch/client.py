"""The client of the Sinch Verification API: start, report, status."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from otp_service.sinch import bodies, deadline, parsing
from otp_service.sinch.breaker import BreakerState
from otp_service.sinch.calls import Caller
from otp_service.sinch.channels import Channel
from otp_service.sinch.errors import VerificationNotFound
from otp_service.sinch.refusals import require_success
from otp_service.sinch.replies import Receipt, Report, Status
from otp_service.sinch.settings import SinchSettings


class SinchClient:
    """One for each process, shared by its threads; opens its first connection with its first call.

    Every method raises SinchError, takes `deadline_seconds` at most, and raises ValueError for input that can never
    be right (a number not in E.164, a reference that cannot stand in a path, an unknown channel). `before_call` runs
    before each request in the calling thread; what it raises comes through.
    """

    def __init__(self, settings: SinchSettings, before_call: Callable[[], None] | None = None) -> None:
        self._settings = settings
        self._caller = Caller(settings, before_call)

    def start(
        self,
        number: str,
        channel: Channel,
        *,
        reference: str,
        locale: str | None = None,
        custom: str | None = None,
        template: str | None = None,
    ) -> Receipt:
        """Have Sinch bring a code to `number`. `reference` is ours, unique, and finds the verification again.

        On OutcomeUnknown a message may be on its way: ask `find_started(reference)`, do not start again.
        """
        channel = Channel(channel)
        options = bodies.Options(locale, custom, template, self._settings.code_ttl_seconds)
        call = bodies.start_call(number, channel, reference, options)
        return parsing.parse_receipt(self._caller.call(call), channel)

    def report(self, provider_id: str, channel: Channel, code: str) -> Report:
        """Hand in the code (for a flash call the number that rang); returns only if it was right.

        Raises CodeRejected, VerificationExpired, VerificationFailed, VerificationNotFound. On OutcomeUnknown the
        code may be spent: `status` tells whether it was right.
        """
        return self._report(("id", bodies.checked_id(provider_id)), Channel(channel), code, expected_id=provider_id)

    def report_by_number(self, number: str, channel: Channel, code: str) -> Report:
        """As `report`, for the latest verification of `number`."""
        return self._report(("number", bodies.checked_number(number)), Channel(channel), code, expected_id=None)

    def status(self, provider_id: str) -> Status:
        """How the verification stands. Raises VerificationNotFound."""
        found = self._status("id", bodies.checked_id(provider_id))
        parsing.check_same("id", provider_id, found.id)
        return found

    def status_by_number(self, number: str, channel: Channel) -> Status:
        """How the latest verification of `number` by `channel` stands; Sinch knows it for a limited time."""
        channel = Channel(channel)
        found = self._status(channel.value, "number", bodies.checked_number(number))
        parsing.check_same("number", number, found.number or number)
        parsing.check_same("channel", channel, found.channel or channel)
        return found

    def status_by_reference(self, reference: str) -> Status:
        """How the verification that we started with `reference` stands. Raises VerificationNotFound."""
        found = self._status("reference", bodies.checked_reference(reference))
        parsing.check_same("reference", reference, found.reference or reference)
        return found

    def find_started(self, reference: str) -> Status | None:
        """What became of a start whose outcome is unknown; None when Sinch never saw it.

        A start cut off in mid-flight may still arrive: None is final only once `deadline_seconds` have passed.
        """
        try:
            return self.status_by_reference(reference)
        except VerificationNotFound:
            return None

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Several calls for one request of ours: `with client.within(7): ...` lets them end in `seconds` in all."""
        return deadline.shared(seconds)

    def state(self) -> BreakerState:
        """The circuit breaker's state in this process, for readiness; asks nobody."""
        return self._caller.state()

    def close(self) -> None:
        """Close the idle connections."""
        self._caller.close()

    def _report(self, segments: tuple[str, str], channel: Channel, code: str, expected_id: str | None) -> Report:
        payload = self._caller.call(bodies.report_call(segments, channel, code))
        return require_success(parsing.parse_report(payload, channel, expected_id))

    def _status(self, *segments: str) -> Status:
        return parsing.parse_status(self._caller.call(bodies.status_call(*segments)))
