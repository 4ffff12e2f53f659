"""What /health feels while 32 clients' sign-ins keep every password hash busy."""

import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from itertools import cycle
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event
from typing import Any

from benchmarks.people import PASSWORD, WRONG_PASSWORD, Person
from benchmarks.wire import Connection, UnexpectedAnswer

CLIENTS = 32
PROBE_EVERY_SECONDS = 0.02
PROBES_AT_ONCE = 32
OUTCOMES = {PASSWORD: 200, WRONG_PASSWORD: 401}
_spawn = multiprocessing.get_context("spawn")


class Manners(StrEnum):
    """How clients take a 503."""

    POLITE = "honour Retry-After"
    RUDE = "retry at once"


class Flood:
    """Signs people in from a process of its own, so that the probe's clock is not disturbed, until the block ends.

    Each client is one person who types the right and the wrong password in turn, so that no failure starts a
    wait. `answers` counts statuses once the block has ended. Raises UnexpectedAnswer there.
    """

    def __init__(self, port: int, crowd: Sequence[Person], manners: Manners) -> None:
        self.answers: dict[int, int] = {}
        self._stopping = _spawn.Event()
        self._ours, theirs = _spawn.Pipe()
        arguments = (port, list(crowd), manners, self._stopping, theirs)
        self._process = _spawn.Process(target=_flood, args=arguments, daemon=True)

    def __enter__(self) -> "Flood":
        self._process.start()
        self._ours.recv()
        return self

    def reset(self) -> None:
        """Count from now on."""
        self._ours.send("reset")

    def __exit__(self, *_: Any) -> None:
        self._stopping.set()
        told = self._ours.recv()
        self._process.join()
        if isinstance(told, str):
            raise UnexpectedAnswer(told)
        self.answers = told


def probe(port: int, seconds: float) -> list[float]:
    """Times of GET /health in seconds, counted from when each was due: a slow answer holds none of the next back."""
    started = time.perf_counter()
    due = [started + number * PROBE_EVERY_SECONDS for number in range(int(seconds / PROBE_EVERY_SECONDS))]
    with ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
        return list(pool.map(partial(_ask_health, port), due))


def _ask_health(port: int, due: float) -> float:
    """On a connection of its own, as an orchestrator asks."""
    time.sleep(max(0.0, due - time.perf_counter()))
    with Connection(port) as connection:
        said = connection.get("/health").expect(200)
    if said["status"] != "UP":
        raise UnexpectedAnswer(f"/health says {said}")
    return time.perf_counter() - due


class _Score:
    """What the threads of the other process note."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._lock = threading.Lock()
        self._counts: Counter[int] = Counter()

    def note(self, status: int) -> None:
        with self._lock:
            self._counts[status] += 1

    def take(self) -> dict[int, int]:
        """The counts since the last time."""
        with self._lock:
            taken, self._counts = dict(self._counts), Counter()
            return taken


def _flood(port: int, crowd: list[Person], manners: Manners, stopping: Event, pipe: Pipe) -> None:
    """The other process: a thread for each person."""
    score = _Score()
    arguments = (port, manners, stopping, score)
    threads = [threading.Thread(target=_sign_in_again_and_again, args=(person, *arguments)) for person in crowd]
    for thread in threads:
        thread.start()
    pipe.send("started")
    while not stopping.wait(0.05):
        if pipe.poll():
            pipe.recv()
            score.take()
    counts = score.take()
    for thread in threads:
        thread.join()
    pipe.send(score.faults[0] if score.faults else counts)


def _sign_in_again_and_again(person: Person, port: int, manners: Manners, stopping: Event, score: _Score) -> None:
    try:
        with Connection(port) as connection:
            for password, status in cycle(OUTCOMES.items()):
                raw = person.login(password)
                while not stopping.is_set() and (answer := connection.ask(raw)).is_overload():
                    score.note(503)
                    if manners is Manners.POLITE:
                        stopping.wait(answer.retry_after_seconds)
                if stopping.is_set():
                    return
                answer.expect(status)
                score.note(status)
    except Exception as error:  # noqa: BLE001 - told by the parent process
        score.faults.append(f"{type(error).__name__}: {error}")
        stopping.set()
