"""Whole flows, register -> sign in -> read the code -> verify -> profile, as fast as parallel clients get them."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks import people
from benchmarks.stack import Stack
from benchmarks.wire import Connection

STEPS = ("register", "login", "inbox", "verify-otp", "profile")
T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What clients noted: times of each step in seconds, waits for a retry included."""

    flows: int = 0
    retries: int = 0
    step_seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Window:
    """When flows count: those that end inside it. Clients start before and end after, so that nothing is cut."""

    opens_at: float
    closes_at: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.closes_at - self.opens_at

    def has(self, moment: float) -> bool:
        """Whether a flow that ended then counts."""
        return self.opens_at <= moment < self.closes_at


def measure(stack: Stack, *, clients: int, warm_up_seconds: float, seconds: float, tally: Tally) -> float:
    """Flows a second; adds to `tally`. Raises UnexpectedAnswer."""
    now = time.perf_counter()
    window = Window(now + warm_up_seconds, now + warm_up_seconds + seconds)
    lock = threading.Lock()
    before = tally.flows
    with ThreadPoolExecutor(clients) as pool:
        for client in [pool.submit(_run_client, stack, window, tally, lock) for _ in range(clients)]:
            client.result()
    return (tally.flows - before) / window.seconds


def _run_client(stack: Stack, window: Window, tally: Tally, lock: threading.Lock) -> None:
    with Connection(stack.service_port) as service, Connection(stack.simulator_port) as simulator:
        while time.perf_counter() < window.closes_at:
            flow = _Flow()
            flow.run(service, simulator)
            if window.has(time.perf_counter()):
                with lock:
                    tally.flows += 1
                    tally.retries += flow.retries
                    for step, seconds in flow.step_seconds.items():
                        tally.step_seconds[step].append(seconds)


class _Flow:
    """One person's way from nothing to the profile."""

    def __init__(self) -> None:
        self.retries = 0
        self.step_seconds: dict[str, float] = {}

    def run(self, service: Connection, simulator: Connection) -> None:
        person = people.new_person()
        self.retries += self._timed("register", lambda: people.register(service, person))
        challenge_token, retries = self._timed("login", lambda: people.log_in(service, person))
        self.retries += retries
        code = self._timed("inbox", lambda: people.read_code(simulator, person))
        token = self._timed("verify-otp", lambda: people.verify(service, challenge_token, code))
        self._timed("profile", lambda: people.look_at_profile(service, person, token))

    def _timed(self, step: str, act: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = act()
        self.step_seconds[step] = time.perf_counter() - started
        return result
