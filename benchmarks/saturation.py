"""How many requests a second a route answers, with more clients than it can serve: one light loop over all sockets."""

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.wire import UnexpectedAnswer, connect, parse

CLIENTS = 32
WARM_UP_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Route:
    """The next request of each client, and a piece of text that the body of every answer has.

    With `follow`, an answer's body makes the client's next request.
    """

    name: str
    port: int
    requests: list[bytes]
    expected: bytes
    follow: Callable[[bytes], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests a second, and the share of a core that asking took."""

    per_second: float
    generator_share: float


def always(name: str, port: int, request: bytes, expected: bytes) -> Route:
    """A route of which all clients ask the same, again and again."""
    return Route(name, port, [request] * CLIENTS, expected)


def measure(route: Route, seconds: float) -> Rate:
    """Ask on all connections, each as soon as it has its answer. Raises UnexpectedAnswer."""
    with selectors.DefaultSelector() as selector:
        sockets = [connect(route.port) for _ in range(CLIENTS)]
        for client, connection in enumerate(sockets):
            selector.register(connection, selectors.EVENT_READ, client)
            connection.sendall(route.requests[client])
        _ask(route, selector, WARM_UP_SECONDS)
        started, own_start = time.perf_counter(), time.process_time()
        count = _ask(route, selector, seconds)
        elapsed, own = time.perf_counter() - started, time.process_time() - own_start
        _read_the_last(route, selector)
    for connection in sockets:
        connection.close()
    return Rate(count / elapsed, own / elapsed)


def _ask(route: Route, selector: selectors.BaseSelector, seconds: float) -> int:
    count, end = 0, time.perf_counter() + seconds
    halves: dict[int, bytes] = {}
    while time.perf_counter() < end or halves:
        for client, connection in _answered(route, selector, halves):
            connection.send(route.requests[client])
            count += 1
    return count


def _read_the_last(route: Route, selector: selectors.BaseSelector) -> None:
    """Every client has one answer to come; what follows from it must not be lost."""
    halves: dict[int, bytes] = {}
    while selector.get_map():
        for _, connection in _answered(route, selector, halves):
            selector.unregister(connection)


def _answered(
    route: Route, selector: selectors.BaseSelector, halves: dict[int, bytes]
) -> Iterator[tuple[int, socket.socket]]:
    """Clients whose answer is there now; of the others what has come is kept in `halves`. Raises UnexpectedAnswer."""
    ready = selector.select(5)
    if not ready:
        raise UnexpectedAnswer(f"{route.name}: no answer for 5 s")
    for key, _ in ready:
        connection: socket.socket = key.fileobj  # type: ignore[assignment]
        received = halves.pop(key.data, b"") + connection.recv(65_536)
        if _is_whole(route, key.data, received):
            yield key.data, connection
        else:
            halves[key.data] = received


def _is_whole(route: Route, client: int, received: bytes) -> bool:
    """Whether all of the answer is there; then the client's next request is. Raises UnexpectedAnswer."""
    answer = parse(received)
    if answer is None and received:
        return False
    if answer is None or answer.status != 200 or route.expected not in answer.body:
        raise UnexpectedAnswer(f"{route.name}: {received[:700]!r}")
    if route.follow:
        route.requests[client] = route.follow(answer.body)
    return True
