"""One simulated Sinch: its parts, and the rules that span them."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from otp_service.simulator.clock import Clock
from otp_service.simulator.http.errors import ApiError
from otp_service.simulator.provider.callbacks import Callbacks
from otp_service.simulator.provider.documents import result_event
from otp_service.simulator.provider.faults import FaultBox
from otp_service.simulator.provider.message_contents import RandomValues
from otp_service.simulator.provider.state_file import StateFile
from otp_service.simulator.provider.store import CallLog, Store
from otp_service.simulator.provider.verification import Reason, Status, Verification
from otp_service.simulator.settings import SimulatorSettings


class Provider:
    """Everything of one simulator except its socket."""

    def __init__(self, settings: SimulatorSettings) -> None:
        """Raises ValueError for a state file that cannot be used."""
        self.settings = settings
        self._state_file = StateFile(settings.state_path) if settings.state_path else None
        self.clock = Clock(settings.now, self._state_file.skipped_seconds() if self._state_file else 0)
        self.store = Store(settings.max_verifications, settings.max_messages)
        self.random_values = RandomValues(settings.seed)
        self.faults = FaultBox()
        self.calls = CallLog()
        self.callbacks = Callbacks(settings, self.clock, self.faults, self.expire_due)
        self._references_in_use: set[str] = set()
        self._recent_calls: deque[float] = deque()
        if self._state_file:
            self._restore(self._state_file)

    def _restore(self, state_file: StateFile) -> None:
        try:
            for verification in state_file.verifications():
                self.store.add(verification)
            for message in state_file.messages():
                self.store.deliver(message)
        except (TypeError, KeyError) as error:
            self.close()
            raise ValueError(f"state_path: {self.settings.state_path} was written by another version.") from error
        self.store.state_file = state_file  # only now: what was just read need not be written again

    def close(self) -> None:
        """Stop posting events and close the state file."""
        self.callbacks.close()
        if self._state_file:
            self._state_file.close()

    def end(self, v: Verification, status: Status, reason: Reason | None = None) -> None:
        """Give a verification its final status and post a result event."""
        with self.store.lock:
            v.status, v.reason = status, reason
            # Expiry is noticed late, by a call or by the next tick: the end is the moment at which it was due.
            v.ended_at = min(self.clock.now(), v.expires_at) if v.is_expired else self.clock.now()
            self.store.save(v)
            self.callbacks.post_later(result_event(v), "report")

    def expire_due(self) -> None:
        """End every pending verification whose time is over."""
        with self.store.lock:
            for verification in self.store.due(self.clock.now()):
                self.end(verification, Status.FAIL, Reason.EXPIRED)

    def advance(self, seconds: float) -> None:
        """Skip time. What expires by it is expired when this returns."""
        with self.store.lock:
            self.clock.advance(seconds)
            if self._state_file:
                self._state_file.save_skipped_seconds(self.clock.skipped_seconds)
            self.expire_due()

    @contextmanager
    def reference_reserved(self, reference: str | None) -> Iterator[None]:
        """Hold a reference while its start is under way. Raises ApiError 40900 if it is taken.

        The store learns of a start only after its callback responded; without the hold, two starts at once with one
        reference would both be sent.
        """
        if reference is None:
            yield
            return
        with self.store.lock:
            if reference in self._references_in_use or self.store.by_reference(reference):
                raise ApiError(40900, reference=reference)
            self._references_in_use.add(reference)
        try:
            yield
        finally:
            self._references_in_use.discard(reference)

    def check_velocity(self, number: str) -> None:
        """Raise ApiError 42901 if the number's last start is too recent."""
        window = timedelta(seconds=self.settings.velocity_window_seconds)
        with self.store.lock:
            last = self.store.by_number(number)
            left = last.started_at + window - self.clock.now() if last else timedelta()
        if left > timedelta():
            raise ApiError(42901, headers=self._retry_after(left.total_seconds()))

    def check_rate(self) -> None:
        """Raise ApiError 42900 if more calls than allowed arrived within a second."""
        limit = self.settings.rate_limit_per_second
        if not limit:
            return
        now = self.clock.now().timestamp()
        with self.store.lock:
            while self._recent_calls and self._recent_calls[0] <= now - 1:
                self._recent_calls.popleft()
            if len(self._recent_calls) >= limit:
                raise ApiError(42900, headers=self._retry_after(1))
            self._recent_calls.append(now)

    def _retry_after(self, seconds: float) -> dict[str, str]:
        return {"Retry-After": str(max(1, round(seconds + 0.5)))} if self.settings.retry_after_on_429 else {}
