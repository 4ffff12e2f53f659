"""Gives answers that nobody may tell apart the same time, whatever was done for them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from otp_service.core.crypto.hash_slots import SlotsBusy
from otp_service.core.services import services


class EvenTiming:
    """Holds answers back until a fixed time after their request; a few at a time, since each keeps a thread."""

    def __init__(self, *, seconds: float, places: int) -> None:
        self._seconds = seconds
        self._places = threading.Semaphore(places)

    @contextmanager
    def even(self) -> Iterator[None]:
        """Let nothing, answer or error, leave the block before its time. Raises SlotsBusy before anything is done."""
        if not self._places.acquire(blocking=False):
            raise SlotsBusy
        due = time.monotonic() + self._seconds  # real time, whatever a clock set by hand says
        try:
            yield
        finally:
            time.sleep(max(0.0, due - time.monotonic()))
            self._places.release()


def even_timing() -> EvenTiming:
    """Return the running application's."""
    return services().even_timing
