"""Gives the same time to responses that must be indistinguishable, whatever was done for them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from otp_service.core.services import services
from otp_service.core.web.held_responses import hold_until


class EvenTiming:
    """Lets responses leave at a fixed time after the request. Those that wait occupy no thread (ADR 23)."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds

    @contextmanager
    def even(self) -> Iterator[None]:
        """Let no response, with the result of the block or its error, leave before its time."""
        due = time.monotonic() + self._seconds  # real time, even if a test moves the clock
        try:
            yield
        finally:
            if not hold_until(due):
                time.sleep(max(0.0, due - time.monotonic()))


def even_timing() -> EvenTiming:
    """Return the even timing of the running application."""
    return services().even_timing
