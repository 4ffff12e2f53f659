"""How many requests a second a route answers, with more clients than it can serve: one light loop over all sockets."""

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.wire import UnexpectedAnswer, connect, parse

CLIENTS = 32


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
class Count:
    """Answered requests, the seconds that they took, and how many of these the asking itself used of one core."""

    requests: int = 0
    seconds: float = 0.0
    generator_seconds: float = 0.0

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.requests + other.requests,
            self.seconds + other.seconds,
            self.generator_seconds + other.generator_seconds,
        )

    @property
    def per_second(self) -> float:
        """The rate."""
        return self.requests / self.seconds

    @property
    def generator_share(self) -> float:
        """The share of a core that asking took."""
        return self.generator_seconds / self.seconds


def always(name: str, port: int, request: bytes, expected: bytes) -> Route:
    """A route of which all clients ask the same, again and again."""
    return Route(name, port, [request] * CLIENTS, expected)


class Crowd:
    """The clients of a route, whose connections stay open between turns, so that a turn can be short."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        for client in range(CLIENTS):
            self._selector.register(connect(self._route.port), selectors.EVENT_READ, client)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for key in list(self._selector.get_map().values()):
            _socket(key).close()
        self._selector.close()

    def ask(self, seconds: float) -> Count:
        """Each client asks again as soon as it has its answer, until the time is over and all are answered.

        Raises UnexpectedAnswer.
        """
        started, own_start = time.perf_counter(), time.process_time()
        for key in self._selector.get_map().values():
            self._send(key)
        waiting, count, halves = CLIENTS, 0, dict[int, bytes]()
        while waiting:
            for key in self._answered(halves):
                count += 1
                if time.perf_counter() - started < seconds:
                    self._send(key)
                else:
                    waiting -= 1
        return Count(count, time.perf_counter() - started, time.process_time() - own_start)

    def _send(self, key: selectors.SelectorKey) -> None:
        _socket(key).sendall(self._route.requests[key.data])

    def _answered(self, halves: dict[int, bytes]) -> Iterator[selectors.SelectorKey]:
        """Clients whose answer is there now; what has come for the others is kept. Raises UnexpectedAnswer."""
        ready = self._selector.select(5)
        if not ready:
            raise UnexpectedAnswer(f"{self._route.name}: no answer for 5 s")
        for key, _ in ready:
            received = halves.pop(key.data, b"") + _socket(key).recv(65_536)
            if self._is_whole(key.data, received):
                yield key
            else:
                halves[key.data] = received

    def _is_whole(self, client: int, received: bytes) -> bool:
        """Whether all of the answer is there; then the client's next request is. Raises UnexpectedAnswer."""
        route, answer = self._route, parse(received)
        if answer is None and received:
            return False
        if answer is None or answer.status != 200 or route.expected not in answer.body:
            raise UnexpectedAnswer(f"{route.name}: {received[:700]!r}")
        if route.follow:
            route.requests[client] = route.follow(answer.body)
        return True


def _socket(key: selectors.SelectorKey) -> socket.socket:
    if not isinstance(key.fileobj, socket.socket):
        raise TypeError(key.fileobj)
    return key.fileobj
