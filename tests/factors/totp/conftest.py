"""People who have just signed in, and a clock on which a test stays within one time step."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask

from otp_service.core import clock
from otp_service.simulator import Simulator
from tests.conftest import Time
from tests.factors.totp.authenticator import STEP
from tests.sessions.conftest import SignedIn, bob, stepped_up
from tests.sessions.conftest import alice as signed_in_by_phone

__all__ = ["bob", "signed_in_by_phone"]


@pytest.fixture
def alice(app: Flask, signed_in_by_phone: SignedIn) -> SignedIn:
    """A person whose session may add and remove an authenticator app at once."""
    return stepped_up(app, signed_in_by_phone, "otp")


class SlowTime(Time):
    """A clock that begins with a time step and ticks a thousand times slower.

    Codes that a test computes stay those of the step in which the service checks them, however busy the machine is.
    """

    def __init__(self, sinch: Simulator) -> None:
        super().__init__(sinch)
        self._began_at = clock.system_now()
        self._step = datetime.fromtimestamp(self._began_at.timestamp() // STEP * STEP + 1, UTC)
        clock.use(self._now)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        super().advance(seconds)
        clock.use(self._now)

    def _now(self) -> datetime:
        return self._step + self._skipped + (clock.system_now() - self._began_at) / 1_000


@pytest.fixture
def time(sinch: Simulator) -> Iterator[Time]:
    """A slow clock that can be moved forward."""
    yield SlowTime(sinch)
    clock.use(None)
