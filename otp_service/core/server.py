"""The gunicorn worker: a client that is slow to send, or to hang up, keeps neither a thread nor the worker busy."""

import selectors
import socket
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

REQUEST_SECONDS = 5.0
"""How long a new connection may stay silent, and then a request may take from its first byte to its last."""

LINGER_SECONDS = 2.0
"""How long the end of an answer may be under way to a client that has not hung up (RFC 9112, section 9.6)."""

DRAIN_BYTES = 65_536


class BoundedSocket(socket.socket):
    """A client's connection. Whoever is not done in time is treated as if the connection had ended."""

    _ends_at = 0.0

    def setblocking(self, flag: bool) -> None:
        """The worker turns it on whenever a thread takes up a request, which starts the request's time."""
        super().setblocking(flag)
        self._ends_at = time.monotonic() + REQUEST_SECONDS

    def recv(self, *arguments: Any) -> bytes:
        """What has come, within the request's time and the socket's own time-out."""
        allowed = self.gettimeout()
        remaining = max(self._ends_at - time.monotonic(), 0.001)
        if allowed is not None and allowed <= remaining:
            return super().recv(*arguments)
        self.settimeout(remaining)
        try:
            return super().recv(*arguments)
        except TimeoutError:
            return b""
        finally:
            self.settimeout(allowed)


class Connection(TConn):  # type: ignore[misc]
    """A connection whose end the worker's loop waits for, beside everything else."""

    def __init__(self, worker: "PatientWorker", accepted: socket.socket, client: Any, server: Any) -> None:
        super().__init__(worker.cfg, BoundedSocket(fileno=accepted.detach()), client, server)
        self._worker = worker

    def close(self, graceful: bool = False) -> None:
        """At once, or once the client has read its answer."""
        if graceful:
            self._worker.linger(self)
        else:
            super().close()


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Gunicorn's `gthread`, without its waits.

    Alone it keeps a thread 5 s for a connection's first byte and for ever for the rest of a request, and stops
    everything for up to 2 s whenever a client does not hang up after its answer.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lingering: deque[Connection] = deque()

    def accept(self, listener: socket.socket) -> None:
        """Take a connection, and give it to a thread once there is something to read."""
        try:
            accepted, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another worker was faster, or the client went
        connection = Connection(self, accepted, client, listener.getsockname())
        connection.timeout = time.monotonic() + REQUEST_SECONDS
        self.nr_conns += 1
        self.pending_conns.append(connection)
        readable = partial(self.on_pending_socket_readable, connection)
        self.poller.register(connection.sock, selectors.EVENT_READ, readable)

    def linger(self, connection: Connection) -> None:
        """Say that nothing follows, and close when the client does so too, or in time."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
            connection.sock.setblocking(False)
            self.poller.register(connection.sock, selectors.EVENT_READ, partial(self._drain, connection))
        except (OSError, KeyError, ValueError):
            connection.close()
            return
        connection.timeout = time.monotonic() + LINGER_SECONDS
        self._lingering.append(connection)

    def murder_pending(self) -> None:
        """The loop's own call to drop connections whose time is over."""
        super().murder_pending()
        while self._lingering and self._lingering[0].timeout <= time.monotonic():
            self._end(self._lingering[0])

    def _drain(self, connection: Connection, _: socket.socket) -> None:
        with suppress(BlockingIOError):
            try:
                is_over = not connection.sock.recv(DRAIN_BYTES)
            except ConnectionError:
                is_over = True
            if is_over:
                self._end(connection)

    def _end(self, connection: Connection) -> None:
        self._lingering.remove(connection)
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(connection.sock)
        connection.close()
