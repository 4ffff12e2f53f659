"""Holds responses back until a moment, without a thread for each of them (ADR 23).

A view says when its response may leave, and returns. The server keeps the bytes and gives the thread to other requests.
"""

import heapq
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_current = threading.local()


def hold_until(moment: float) -> bool:
    """Let the response of this thread's request leave at `moment` of the monotonic clock, not before.

    Returns False if the server cannot hold it: Flask's own, or the client of the tests.
    """
    outlet: Outlet | None = getattr(_current, "outlet", None)
    if outlet is None:
        return False
    outlet.leaves_at = max(outlet.leaves_at, moment)
    return True


class Outlet:
    """A connection, in place of its socket. What is written while `leaves_at` is set waits for `release`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._kept = bytearray()
        self.leaves_at = 0.0

    @contextmanager
    def for_this_thread(self) -> Iterator[None]:
        """Let `hold_until` hold what this thread writes inside the block."""
        _current.outlet = self
        try:
            yield
        finally:
            _current.outlet = None

    def sendall(self, data: bytes) -> None:
        """Send, or keep until the release."""
        if self.leaves_at:
            self._kept += data
        else:
            self._connection.sendall(data)

    def release(self) -> None:
        """Send what was kept. It must not wait for the client: one that takes in no bytes is cut off."""
        kept, self._kept, self.leaves_at = self._kept, bytearray(), 0.0
        with suppress(OSError):  # the client hung up
            self._connection.setblocking(False)
            try:
                is_whole = self._connection.send(kept) == len(kept)
            except BlockingIOError:
                is_whole = not kept
            if not is_whole:
                self._connection.shutdown(socket.SHUT_RDWR)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Gate:
    """One thread releases all held responses of a process. It starts with the first, so make a Gate before the fork."""

    def __init__(self) -> None:
        self._held: list[tuple[float, int, Outlet, Callable[[], object]]] = []
        self._serial = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def release_later(self, outlet: Outlet, then: Callable[[], object]) -> None:
        """Release what the outlet keeps when its time has come, and call `then`."""
        with self._changed:
            heapq.heappush(self._held, (outlet.leaves_at, next(self._serial), outlet, then))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="held-responses", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            outlet, then = self._wait_for_next()
            outlet.release()
            then()

    def _wait_for_next(self) -> tuple[Outlet, Callable[[], object]]:
        with self._changed:
            while not self._held or self._held[0][0] > time.monotonic():
                self._changed.wait(self._held[0][0] - time.monotonic() if self._held else None)
            _, _, outlet, then = heapq.heappop(self._held)
        return outlet, then
