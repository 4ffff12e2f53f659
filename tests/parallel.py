"""Runs the same act in many threads that start at one moment."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

T = TypeVar("T")
Test = TypeVar("Test", bound=Callable[..., None])

ROUNDS = int(os.environ.get("RACE_ROUNDS", "1"))
"""How often each race is run on each database. `make chaos` runs all of them 30 times."""


def race(test: Test) -> Test:
    """Run a test once per round; it takes a `round_number`."""
    in_rounds: Test = pytest.mark.race(pytest.mark.parametrize("round_number", range(ROUNDS))(test))
    return in_rounds


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """Call `act` with 0 to count - 1, all at once, and gather what they return."""
    start = threading.Barrier(count)

    def run(number: int) -> T:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
