"""An application that hears the provider's events, and a day that does not end in the middle of a test."""

from datetime import UTC, datetime, time, timedelta

import pytest

from otp_service.core import clock
from tests.conftest import Time
from tests.webhooks.conftest import listen

__all__ = ["listen"]


@pytest.fixture
def midday(time: Time) -> None:
    """Let it be noon (UTC): the ledger counts by day."""
    time.advance((next_noon() - clock.now()).total_seconds())


def next_noon() -> datetime:
    """The next twelve o'clock."""
    now = clock.now()
    today = datetime.combine(now.astimezone(UTC).date(), time(12), UTC)
    return today if today > now else today + timedelta(days=1)
