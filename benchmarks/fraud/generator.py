"""Draw the events of a scenario: the same seed gives the same events."""

from collections.abc import Mapping

from benchmarks.fraud import attack_variants, honest_variants
from benchmarks.fraud.events import Event
from benchmarks.fraud.scenario import Scenario
from benchmarks.fraud.scenarios import SCENARIOS

VARIANTS: Mapping[str, Scenario] = {**attack_variants.VARIANTS, **honest_variants.VARIANTS}


def generate(name: str, seed: int) -> list[Event]:
    """Return the events of a scenario or variant, in time order. Raises KeyError if there is none of this name."""
    return {**SCENARIOS, **VARIANTS}[name].events(seed)
