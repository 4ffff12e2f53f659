"""Gives a request a few seconds to arrive in full: a client that sends byte by byte must not hold a thread (ADR 9).

The server watches a connection from its first byte on, and reading the body ends the watch. A late connection loses
its reading side, so that the thread that waits for the next byte finds the end of the stream.
"""

import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

LOOKS_EVERY_SECONDS = 0.25
_current = threading.local()


@dataclass(slots=True)
class _Watched:
    """A connection whose request is arriving; `connection` is None once it has arrived."""

    connection: socket.socket | None
    due: float


class Watch:
    """One thread watches all connections of a process. It starts with the first, so make a Watch before the fork."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._watched: deque[_Watched] = deque()  # in order of due times, because all have the same number of seconds
        self._lock = threading.Lock()
        self._has_work = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, connection: socket.socket) -> Iterator[None]:
        """Limit the time in which the request of this thread arrives."""
        watched = _Watched(connection, time.monotonic() + self._seconds)
        _current.watched = watched
        self._watched.append(watched)
        self._start()
        try:
            yield
        finally:
            watched.connection = None

    def _start(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._look, name="arrival-watch", daemon=True)
                    self._thread.start()
        if not self._has_work.is_set():
            self._has_work.set()

    def _look(self) -> None:
        while True:
            self._has_work.wait()
            self._has_work.clear()
            while self._watched:
                time.sleep(LOOKS_EVERY_SECONDS)
                while self._watched and self._watched[0].due <= time.monotonic():
                    _cut(self._watched.popleft())


def is_complete() -> None:
    """End the watch over this thread: its request has arrived."""
    watched: _Watched | None = getattr(_current, "watched", None)
    if watched is not None:
        watched.connection = None


def _cut(late: _Watched) -> None:
    connection = late.connection
    if connection is not None:
        with suppress(OSError):  # it was closed at this moment
            connection.shutdown(socket.SHUT_RD)
