"""A door to a server, as a load balancer or a moving address is: it can lead elsewhere, and counts what passes."""

import socket
import threading
from contextlib import suppress
from typing import Self

from tests.servers.ports import HOST

CHUNK = 65_536


class Gate:
    """Relays TCP connections to a port of this machine, inside its block."""

    def __init__(self, port: int) -> None:
        self._leads_to = port
        self._listener = socket.create_server((HOST, 0))
        self._sockets: list[socket.socket] = []
        self.messages: list[bytes] = []
        """What clients sent, one entry for each time that something arrived."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def lead_to(self, port: int) -> None:
        """Lead new connections there. The old ones stay."""
        self._leads_to = port

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection((HOST, self._leads_to))
                except OSError:
                    client.close()
                    continue
                self._sockets += [client, server]
                for source, target, log in ((client, server, self.messages), (server, client, None)):
                    threading.Thread(target=_relay, args=(source, target, log), daemon=True).start()


def _relay(source: socket.socket, target: socket.socket, log: list[bytes] | None) -> None:
    with suppress(OSError):
        while chunk := source.recv(CHUNK):
            if log is not None:
                log.append(chunk)
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
