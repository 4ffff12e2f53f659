"""A client of Sinch that dies at a point of the test's choosing, as a process does: no handler sees it coming."""

from enum import StrEnum

from otp_service.providers import Channel
from otp_service.sinch.api_types import Receipt, Report
from otp_service.sinch.client import SinchClient


class Crash(BaseException):
    """The process is gone. No `except Exception` runs; open transactions are rolled back."""


class Point(StrEnum):
    """Where to die."""

    NOWHERE = "nowhere"
    BEFORE_CALL = "before the call"
    AFTER_CALL = "after the call, before the record"
    BEFORE_REDEEM = "after the verdict, before it is redeemed"


class MortalClient(SinchClient):
    """Dies once, at `dies_at`."""

    dies_at = Point.NOWHERE

    def start(self, number: str, channel: Channel, **options: str | int | None) -> Receipt:
        """Start, and perhaps die."""
        self.pass_by(Point.BEFORE_CALL)
        receipt = super().start(number, channel, **options)  # type: ignore[arg-type]
        self.pass_by(Point.AFTER_CALL)
        return receipt

    def report(self, provider_id: str, channel: Channel, code: str) -> Report:
        """Report, and perhaps die."""
        self.pass_by(Point.BEFORE_CALL)
        try:
            return super().report(provider_id, channel, code)
        finally:
            self.pass_by(Point.AFTER_CALL)

    def pass_by(self, point: Point) -> None:
        """Die here, if that is the plan."""
        if self.dies_at is point:
            self.dies_at = Point.NOWHERE
            raise Crash
