"""How many requests a second a route answers, with more clients than it can serve: one light loop over all sockets."""

import selectors
import socket
import time
from dataclasses import dataclass

from benchmarks.wire import UnexpectedAnswer, connect, parse

CLIENTS = 32
WARM_UP_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Route:
    """A request and a piece of text that the body of every answer has."""

    name: str
    port: int
    request: bytes
    expected: bytes


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests a second, and the share of a core that asking took."""

    per_second: float
    generator_share: float


def measure(route: Route, seconds: float) -> Rate:
    """Ask on all connections, each as soon as it has its answer. Raises UnexpectedAnswer."""
    with selectors.DefaultSelector() as selector:
        sockets = [connect(route.port) for _ in range(CLIENTS)]
        for connection in sockets:
            selector.register(connection, selectors.EVENT_READ)
            connection.sendall(route.request)
        _ask(route, selector, WARM_UP_SECONDS)
        started, own_start = time.perf_counter(), time.process_time()
        count = _ask(route, selector, seconds)
        elapsed, own = time.perf_counter() - started, time.process_time() - own_start
    for connection in sockets:
        connection.close()
    return Rate(count / elapsed, own / elapsed)


def _ask(route: Route, selector: selectors.BaseSelector, seconds: float) -> int:
    count, end = 0, time.perf_counter() + seconds
    halves: dict[socket.socket, bytes] = {}
    while time.perf_counter() < end or halves:
        ready = selector.select(5)
        if not ready:
            raise UnexpectedAnswer(f"{route.name}: no answer for 5 s")
        for key, _ in ready:
            connection: socket.socket = key.fileobj  # type: ignore[assignment]
            received = halves.pop(connection, b"") + connection.recv(65_536)
            answer = parse(received)
            if answer is None and received:
                halves[connection] = received
                continue
            if answer is None or answer.status != 200 or route.expected not in answer.body:
                raise UnexpectedAnswer(f"{route.name}: {received[:700]!r}")
            connection.send(route.request)
            count += 1
    return count
