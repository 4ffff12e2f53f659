"""A fresh simulator on a free port, and a client for it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from otp_service.simulator import Simulator, SimulatorSettings, running
from tests.simulator.caller import KEY, SECRET, Caller, machine_now

Place = tuple[Simulator, Caller]
MakePlace = Callable[..., Place]


@pytest.fixture
def place() -> Iterator[MakePlace]:
    """Makes simulators with settings of the test's own."""
    with ExitStack() as stack:

        def make(**settings: Any) -> Place:
            simulator = stack.enter_context(running(SimulatorSettings(KEY, SECRET, **settings)))
            caller = Caller(simulator.base_url)
            stack.callback(caller.close)
            return simulator, caller

        yield make


@pytest.fixture
def still(place: MakePlace) -> Callable[..., Place]:
    """The same with a clock that stands still, so that time passes by `advance` alone."""
    now = machine_now()
    return lambda **settings: place(now=lambda: now, **settings)


@pytest.fixture
def both(place: MakePlace) -> Place:
    return place()


@pytest.fixture
def sim(both: Place) -> Simulator:
    return both[0]


@pytest.fixture
def caller(both: Place) -> Caller:
    return both[1]
