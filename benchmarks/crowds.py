"""Many people who sign in at once: a burst of one request each, and floods that ask again at once."""

import csv
import multiprocessing
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any

from benchmarks import hash_limit, people
from benchmarks.people import PASSWORD, Person
from benchmarks.results import Latency, latency
from benchmarks.stack import Stack, run_command
from benchmarks.wire import Answer, Connection, UnexpectedAnswer, connect, parse
from otp_service.core.crypto import hashing

PROBE_EVERY_SECONDS = 0.05
PROBES_AT_ONCE = 16
LIMIT_SECONDS = 3
OTHERS = 60
_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Response:
    """A status, how long it took in seconds, when it came, and what Retry-After said (0 without one)."""

    status: int
    seconds: float
    at: float
    retry_after_seconds: int


@dataclass(slots=True)
class Felt:
    """Seconds that other people's requests took meanwhile, by route."""

    health: list[float] = field(default_factory=list)
    refresh: list[float] = field(default_factory=list)
    verify: list[float] = field(default_factory=list)


def import_people(stack: Stack, count: int) -> list[Person]:
    """Import people whose passwords have one hash: to register them would cost one each."""
    crowd = [people.new_person() for _ in range(count)]
    password_hash = hashing.hash_password(PASSWORD, cost=stack.cost)
    path = stack.folder / "people.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["email", "phoneNumber", "passwordHash"])
        rows.writerows([person.email, person.phone_number, password_hash] for person in crowd)
    run_command(stack, "users", "import", str(path))
    return crowd


def burst(stack: Stack, crowd: Sequence[Person]) -> tuple[list[Response], float]:
    """Let all sign in at once, once each; return the responses, and the seconds until the last of them."""
    found = _in_other_process(stack.service_port, crowd, seconds=0.0)
    return found, max(response.at for response in found)


def flood(stack: Stack, crowd: Sequence[Person], *, seconds: float, others: "Others") -> tuple[list[Response], Felt]:
    """Let all sign in again and again for some seconds, and note what others feel meanwhile."""
    felt, ended = Felt(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        probing = pool.submit(others.probe, felt, ended)
        try:
            found = _in_other_process(stack.service_port, crowd, seconds=seconds)
        finally:
            ended.set()
        probing.result()
    return found, felt


@dataclass(frozen=True, slots=True)
class BurstFigures:
    """A burst: how many got in, the seconds until the last of them, and that as a multiple of what the hashes need."""

    people: int
    succeeded: int
    seconds: float
    of_hash_time: float


@dataclass(frozen=True, slots=True)
class FloodFigures:
    """A flood: the hashed share of the machine's limit, what was refused and how soon, and what others felt."""

    clients: int
    goodput: float
    refused: int
    longest_wait_seconds: float
    refused_within: Latency | None
    retry_after_seconds: tuple[int, int] | None
    health: Latency
    refresh: Latency
    verify: Latency


def measure_burst(stack: Stack, size: int) -> BurstFigures:
    """Measure a burst between two looks at the machine's hash limit."""
    crowd = import_people(stack, size)
    before = hash_limit.measure(LIMIT_SECONDS, cost=stack.cost)
    found, seconds = burst(stack, crowd)
    limit = (before + hash_limit.measure(LIMIT_SECONDS, cost=stack.cost)) / 2
    return BurstFigures(size, sum(each.status == 200 for each in found), seconds, seconds / (size / limit))


def measure_flood(stack: Stack, size: int, *, seconds: float) -> FloodFigures:
    """Measure a flood between two looks at the machine's hash limit."""
    crowd, others = import_people(stack, size), Others(stack, import_people(stack, OTHERS))
    before = hash_limit.measure(LIMIT_SECONDS, cost=stack.cost)
    found, felt = flood(stack, crowd, seconds=seconds, others=others)
    limit = (before + hash_limit.measure(LIMIT_SECONDS, cost=stack.cost)) / 2
    served = [each for each in found if each.status == 200]
    refused = [each for each in found if each.status == 503]
    waits = [each.retry_after_seconds for each in refused]
    return FloodFigures(
        size,
        sum(each.at <= seconds for each in served) / seconds / limit,
        len(refused),
        max(each.seconds for each in served),
        latency([each.seconds for each in refused]) if refused else None,
        (min(waits), max(waits)) if waits else None,
        *(latency(times) for times in (felt.health, felt.refresh, felt.verify)),
    )


class Others:
    """People who are signed in, or have a code in hand, before a flood begins."""

    def __init__(self, stack: Stack, crowd: Sequence[Person]) -> None:
        """Half of them refresh; each of the other half has a code for one `verify-otp`."""
        self._port = stack.service_port
        half = len(crowd) // 2
        with Connection(stack.service_port) as service, Connection(stack.simulator_port) as simulator:
            self._refreshes = [people.sign_in(service, simulator, person)[1] for person in crowd[:half]]
            self._codes = [people.code_in_hand(service, simulator, person) for person in crowd[half:]]

    def probe(self, felt: Felt, ended: threading.Event) -> None:
        """Ask /health and refresh in turns, and now and then verify a code, each time on a new connection."""
        with ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
            asked: list[Future[None]] = []
            started = time.perf_counter()
            while not ended.is_set():
                number = len(asked)
                asked.append(pool.submit(self._ask, number, felt))
                ended.wait(max(0.0, started + (number + 1) * PROBE_EVERY_SECONDS - time.perf_counter()))
            for each in asked:
                each.result()

    def _ask(self, number: int, felt: Felt) -> None:
        felt.health.append(_timed(self._port, lambda connection: connection.get("/health").expect(200)))
        if number % 8 == 0 and self._refreshes:
            first = self._refreshes.pop(0)
            felt.refresh.append(_timed(self._port, lambda connection: self._refresh(connection, first)))
        elif number % 8 == 4 and self._codes:
            challenge_token, code = self._codes.pop()
            felt.verify.append(_timed(self._port, lambda connection: people.verify(connection, challenge_token, code)))

    def _refresh(self, connection: Connection, first: bytes) -> None:
        answer = connection.ask(first)
        answer.expect(200)
        self._refreshes.append(people.refresh_again(answer.body))


def _timed(port: int, act: Callable[[Connection], object]) -> float:
    started = time.perf_counter()
    with Connection(port) as connection:
        act(connection)
    return time.perf_counter() - started


def _in_other_process(port: int, crowd: Sequence[Person], *, seconds: float) -> list[Response]:
    """From a process of its own, whose clients are one light loop: threads would disturb the probe's clock."""
    ours, theirs = _spawn.Pipe()
    process = _spawn.Process(target=_ask_in_loop, args=(port, list(crowd), seconds, theirs), daemon=True)
    process.start()
    found = ours.recv()
    process.join()
    if isinstance(found, str):
        raise UnexpectedAnswer(found)
    return list(found)


def _ask_in_loop(port: int, crowd: list[Person], seconds: float, pipe: Pipe) -> None:
    try:
        pipe.send(_Loop(port, crowd).run(seconds))
    except Exception as error:  # noqa: BLE001 - told by the parent process
        pipe.send(f"{type(error).__name__}: {error}")


class _Loop:
    """One client for each person: a kept connection, on which the next request follows the response at once."""

    def __init__(self, port: int, crowd: list[Person]) -> None:
        self._selector = selectors.DefaultSelector()
        self._sent_at: dict[bytes, float] = {}
        self._received: dict[bytes, bytes] = {}
        self._responses: list[Response] = []
        for person in crowd:
            self._selector.register(connect(port), selectors.EVENT_READ, person.login())

    def run(self, seconds: float) -> list[Response]:
        """Until the time is over and all requests have their responses. Raises UnexpectedAnswer."""
        started = time.perf_counter()
        for key in list(self._selector.get_map().values()):
            self._send(key)
        while self._selector.get_map():
            for key, _ in self._selector.select(60):
                self._read(key, started, seconds)
        return self._responses

    def _send(self, key: selectors.SelectorKey) -> None:
        self._received[key.data] = b""
        self._sent_at[key.data] = time.perf_counter()
        _socket(key).sendall(key.data)

    def _read(self, key: selectors.SelectorKey, started: float, seconds: float) -> None:
        received = _socket(key).recv(65_536)
        if not received:
            raise UnexpectedAnswer(f"the connection was closed after {self._received[key.data]!r}")
        self._received[key.data] += received
        answer = parse(self._received[key.data])
        if answer is None:
            return
        now = time.perf_counter()
        self._responses.append(_response(answer, now - self._sent_at[key.data], now - started))
        if now - started < seconds:
            self._send(key)
        else:
            self._selector.unregister(key.fileobj)
            _socket(key).close()


def _response(answer: Answer, seconds: float, at: float) -> Response:
    if answer.status != 200 and not answer.is_overload():
        raise UnexpectedAnswer(f"{answer.status}: {answer.body[:500]!r}")
    return Response(answer.status, seconds, at, answer.retry_after_seconds)


def _socket(key: selectors.SelectorKey) -> socket.socket:
    found: Any = key.fileobj
    return found  # type: ignore[no-any-return]
