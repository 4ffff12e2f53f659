"""The simulated Sinch: its parts, and what they share over the life of a verification."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from otp_service.simulator.callbacks import Callbacks
from otp_service.simulator.calls import CallLog
from otp_service.simulator.clock import Clock
from otp_service.simulator.draws import Draws
from otp_service.simulator.errors import SinchError
from otp_service.simulator.events import result_event
from otp_service.simulator.faults import FaultBox
from otp_service.simulator.journal import SqliteJournal
from otp_service.simulator.settings import SimulatorSettings
from otp_service.simulator.store import Store
from otp_service.simulator.verification import Reason, Status, Verification


class Provider:
    """Everything of one simulator but its socket."""

    def __init__(self, settings: SimulatorSettings) -> None:
        """Raises ValueError for a state file that cannot be used."""
        self.settings = settings
        self._journal = SqliteJournal(settings.state_path) if settings.state_path else None
        self.clock = Clock(settings.now, self._journal.skipped_seconds() if self._journal else 0)
        self.store = Store(settings.max_verifications, settings.max_messages)
        self.draws = Draws(settings.seed)
        self.faults = FaultBox()
        self.calls = CallLog()
        self.callbacks = Callbacks(settings, self.clock, self.faults, self.expire_due)
        self._references_in_use: set[str] = set()
        self._recent: deque[float] = deque()
        if self._journal:
            self._restore(self._journal)

    def _restore(self, journal: SqliteJournal) -> None:
        try:
            for verification in journal.verifications():
                self.store.add(verification)
            for message in journal.messages():
                self.store.deliver(message)
        except (TypeError, KeyError) as error:
            self.close()
            raise ValueError(f"state_path: {self.settings.state_path} was written by another version.") from error
        self.store.journal = journal

    def close(self) -> None:
        """Stop telling callbacks and let go of the state file."""
        self.callbacks.close()
        if self._journal:
            self._journal.close()

    def end(self, v: Verification, status: Status, reason: Reason | None = None) -> None:
        """Give a verification its final status, and tell the callback."""
        with self.store.lock:
            v.status, v.reason = status, reason
            v.ended_at = min(self.clock.now(), v.expires_at) if v.is_expired else self.clock.now()
            self.store.save(v)
            self.callbacks.tell(result_event(v), "report")

    def expire_due(self) -> None:
        """End every verification that nobody reported in time."""
        with self.store.lock:
            for verification in self.store.due(self.clock.now()):
                self.end(verification, Status.FAIL, Reason.EXPIRED)

    def advance(self, seconds: float) -> None:
        """Skip time; what expires by it is expired when this returns."""
        with self.store.lock:
            self.clock.advance(seconds)
            if self._journal:
                self._journal.save_skipped_seconds(self.clock.skipped_seconds)
            self.expire_due()

    @contextmanager
    def reference_reserved(self, reference: str | None) -> Iterator[None]:
        """Hold a reference while its start is under way; raises SinchError 40900 when it is taken."""
        if reference is None:
            yield
            return
        with self.store.lock:
            if reference in self._references_in_use or self.store.by_reference(reference):
                raise SinchError(40900, reference=reference)
            self._references_in_use.add(reference)
        try:
            yield
        finally:
            self._references_in_use.discard(reference)

    def check_velocity(self, number: str) -> None:
        """Raises SinchError 42901 when the number's last start is too recent."""
        window = timedelta(seconds=self.settings.velocity_window_seconds)
        with self.store.lock:
            last = self.store.by_number(number)
            left = last.started_at + window - self.clock.now() if last else timedelta()
        if left > timedelta():
            raise SinchError(42901, headers=self._retry_after(left.total_seconds()))

    def check_rate(self) -> None:
        """Raises SinchError 42900 when more calls than allowed arrived within a second."""
        limit = self.settings.rate_limit_per_second
        if not limit:
            return
        now = self.clock.now().timestamp()
        with self.store.lock:
            while self._recent and self._recent[0] <= now - 1:
                self._recent.popleft()
            if len(self._recent) >= limit:
                raise SinchError(42900, headers=self._retry_after(1))
            self._recent.append(now)

    def _retry_after(self, seconds: float) -> dict[str, str]:
        return {"Retry-After": str(max(1, round(seconds + 0.5)))} if self.settings.retry_after_on_429 else {}
