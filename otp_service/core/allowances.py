"""Allowances: so much of something for one subject in a time; whoever wants more is told how long to wait."""

from dataclasses import dataclass
from datetime import datetime

from otp_service.core import counters
from otp_service.core.errors import TooMany

HOUR = 3_600
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Allowance:
    """`limit` within the window that the first one opens. Names and subjects are those of core.counters."""

    name: str
    subject: str
    limit: int
    window_seconds: int
    refusal: type[TooMany]
    message: str | None = None


def take(allowance: Allowance, *, now: datetime) -> None:
    """Count one more in the open transaction, or raise the refusal, which says how long to wait."""
    parts, window = (allowance.name, allowance.subject), allowance.window_seconds
    if not counters.take(*parts, limit=allowance.limit, window_seconds=window, now=now):
        wait = counters.seconds_until_open(*parts, window_seconds=window, now=now)
        raise allowance.refusal(allowance.message, retry_after_seconds=wait)


def give_back(allowance: Allowance, *, taken_at: datetime) -> None:
    """Undo one `take`: what it stood for did not happen."""
    counters.give_back(allowance.name, allowance.subject, taken_at=taken_at)


def clear(allowance: Allowance) -> None:
    """Forget what was taken."""
    counters.clear(allowance.name, allowance.subject)
