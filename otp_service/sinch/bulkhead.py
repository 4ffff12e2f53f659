"""A bulkhead: at most so many calls wait for Sinch at once, so that its trouble cannot take every thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from otp_service.sinch.errors import TooManyInFlight


class Bulkhead:
    """Holds a fixed number of places, shared by all threads of this process."""

    def __init__(self, places: int, wait_seconds: float) -> None:
        self._free = threading.BoundedSemaphore(places)
        self._wait_seconds = wait_seconds

    @contextmanager
    def place(self, at_most_seconds: float) -> Iterator[None]:
        """Hold one place; waits a moment for it, at most `at_most_seconds`. Raises TooManyInFlight."""
        if not self._free.acquire(timeout=max(0.0, min(self._wait_seconds, at_most_seconds))):
            raise TooManyInFlight("as many calls as allowed are waiting for Sinch", retry_after_seconds=1.0)
        try:
            yield
        finally:
            self._free.release()
