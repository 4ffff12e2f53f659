"""A tiny HTTP server whose every response is scripted, down to the byte and the moment."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO

from tests.waiting import PATIENCE_SECONDS


@dataclass(frozen=True)
class Heard:
    """A request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Line:
    """One connection, as a script sees it."""

    sock: socket.socket
    server: "ScriptedServer"

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def wait(self, seconds: float) -> None:
        """Do nothing for that long, or until the server stops."""
        self.server.stopping.wait(seconds)

    def hold(self) -> None:
        """Say nothing until the client hangs up. A client that does not is noted as one without a time-out."""
        self.sock.settimeout(PATIENCE_SECONDS / 2)  # sooner than any time-out of a patient client
        try:
            self.sock.recv(1)
        except TimeoutError:
            self.server.has_outwaited_a_client = True

    def hang_up(self) -> None:
        """Close the connection in good order."""
        self.sock.shutdown(socket.SHUT_RDWR)
        self.server.note_hang_up()


Script = Callable[[Line, Heard], None]


class ScriptedServer:
    """Listens on a free port of loopback; each connection serves requests until its script closes it."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.heard: list[Heard] = []
        self.connections = 0
        self.stopping = threading.Event()
        self.has_outwaited_a_client = False
        self._hang_ups = 0
        self._changed = threading.Condition()
        self._script = script
        self._tls = tls
        self._threads: list[threading.Thread] = []
        self._socks: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def has_heard(self, count: int) -> bool:
        """Wait until so many requests have arrived; returns whether it was exactly that many."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.heard) >= count, PATIENCE_SECONDS)
        return len(self.heard) == count

    def has_hung_up(self, count: int) -> bool:
        """Wait until so many connections have been closed by their scripts."""
        with self._changed:
            return self._changed.wait_for(lambda: self._hang_ups >= count, PATIENCE_SECONDS)

    def note_hang_up(self) -> None:
        with self._changed:
            self._hang_ups += 1
            self._changed.notify_all()

    def __enter__(self) -> "ScriptedServer":
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(PATIENCE_SECONDS)  # first: a connection that it accepts now is one more to end
        self._listener.close()
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                self._socks.append(sock)
                thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), self._secured(accepted) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with sock.makefile("rb") as stream:
                for heard in _requests(stream):
                    with self._changed:
                        self.heard.append(heard)
                        self._changed.notify_all()
                    self._script(Line(sock, self), heard)

    def _secured(self, sock: socket.socket) -> socket.socket:
        if self._tls is None:
            return sock
        sock.settimeout(PATIENCE_SECONDS)  # a handshake cannot be woken from outside
        secured = self._tls.wrap_socket(sock, server_side=True)
        secured.settimeout(None)
        self._socks.append(secured)
        return secured


def _requests(stream: BinaryIO) -> Iterator[Heard]:
    while line := stream.readline().decode("latin-1"):
        method, path, _ = line.split(" ", 2)
        headers = {}
        while (line := stream.readline().decode("latin-1").strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        yield Heard(method, path, headers, body)
