"""A scenario: what an attacker does, or what makes honest people look like one."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.fraud.events import Event
from benchmarks.fraud.stage import Stage, stage

Draw = Callable[[Stage], list[Event]]


@dataclass(frozen=True)
class Scenario:
    """A name, one line about it, and how its stage and its events are drawn.

    An attack that `is_spread` looks like people in every range of their country: the right decision is to let most of
    it pass, so it is only compared with no guard at all.
    """

    name: str
    about: str
    is_attack: bool
    is_spread: bool
    set_stage: Callable[[random.Random], Stage]
    draw: Draw

    def events(self, seed: int) -> list[Event]:
        """Draw the events in time order; the same seed gives the same events."""
        return sorted(self.draw(self.set_stage(random.Random(f"{self.name} {seed}"))))


def registrar(scenarios: dict[str, Scenario]) -> Callable[..., Callable[[Draw], Draw]]:
    """Return a decorator that adds a function to `scenarios` under its own name, with dashes."""

    def scenario(
        about: str,
        *,
        is_attack: bool = True,
        is_spread: bool = False,
        set_stage: Callable[[random.Random], Stage] = stage,
    ) -> Callable[[Draw], Draw]:
        def register(draw: Draw) -> Draw:
            name = draw.__name__.strip("_").replace("_", "-")
            scenarios[name] = Scenario(name, about, is_attack, is_spread, set_stage, draw)
            return draw

        return register

    return scenario
