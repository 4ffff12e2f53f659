"""Gives the same time to responses that must be indistinguishable, whatever was done for them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from otp_service.core.crypto.hash_slots import SlotsBusy
from otp_service.core.services import services


class EvenTiming:
    """Holds responses back until a fixed time after the request; a few at a time, because each occupies a thread."""

    def __init__(self, *, seconds: float, places: int) -> None:
        self._seconds = seconds
        self._places = threading.Semaphore(places)

    @contextmanager
    def even(self) -> Iterator[None]:
        """Let no response and no error leave the block before its time. Raises SlotsBusy before the block runs."""
        if not self._places.acquire(blocking=False):
            raise SlotsBusy
        due = time.monotonic() + self._seconds  # real time, even if a test moves the clock
        try:
            yield
        finally:
            time.sleep(max(0.0, due - time.monotonic()))
            self._places.release()


def even_timing() -> EvenTiming:
    """Return the even timing of the running application."""
    return services().even_timing
