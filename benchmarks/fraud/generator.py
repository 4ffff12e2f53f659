"""Draw the events of a scenario: the same seed gives the same events."""

import random

from benchmarks.fraud.events import Event
from benchmarks.fraud.scenarios import SCENARIOS
from benchmarks.fraud.stage import stage


def generate(name: str, seed: int) -> list[Event]:
    """Return the events of the scenario `name`, in time order.

    Raises:
        KeyError: there is no such scenario.
    """
    scenario = SCENARIOS[name]
    return sorted(scenario.draw(stage(random.Random(f"{name} {seed}"))))
