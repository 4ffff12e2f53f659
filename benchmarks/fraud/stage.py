"""The stage of a scenario: a service with customers in several countries, and the hour at which something happens."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.fraud import honest
from benchmarks.fraud.events import Event
from benchmarks.fraud.honest import DAY, HOUR, Change, Market

BEGINNING = 1_772_409_600.0  # 2026-03-02, midnight UTC, a Monday
HOMES = ("DE", "GB", "FR", "ES", "IT", "PL", "NL", "BR", "IN", "TR", "MX")
NEIGHBORS = ("AT", "CH", "SE", "PT", "IE", "DK", "CZ", "RO", "US", "CA", "AU", "ZA")
RARE = ("UZ", "LK", "PK", "ID", "PH", "NG", "EG", "MA", "KE", "GH", "AZ", "VN", "CO", "TH", "AE")


@dataclass
class Stage:
    """One service: its markets by size, the time from `start` to `end`, and `hour`, at which something happens."""

    rng: random.Random
    markets: list[Market]
    start: float
    end: float
    hour: float

    @property
    def home(self) -> Market:
        """The largest market."""
        return self.markets[0]

    def people(self, *changes: Change) -> list[Event]:
        """Draw the honest traffic."""
        return honest.traffic(self.markets, start=self.start, end=self.end, changes=changes)

    def foreign(self, regions: Sequence[str]) -> str:
        """Draw one of `regions` that is no market."""
        served = {place.country.region for place in self.markets}
        return self.rng.choice([region for region in regions if region not in served])


def stage(rng: random.Random) -> Stage:
    """Draw three days of a service of middle size."""
    return stage_of(rng, per_day=rng.uniform(4500, 7500), days=3.0)


def stage_of(rng: random.Random, *, per_day: float, days: float, homes: Sequence[str] = HOMES) -> Stage:
    """Draw a service: half its people in one country, a third in five others, the rest scattered."""
    first = rng.choice(homes)
    others = rng.sample([region for region in HOMES + NEIGHBORS if region != first], 6)
    shares = [0.5, 0.2, 0.1, 0.07, 0.05, 0.03, 0.02] + [0.004] * 6
    regions = [first, *others, *rng.sample(RARE, 6)]
    markets = [
        honest.market(region, per_day * share * rng.uniform(0.8, 1.2), rng)
        for region, share in zip(regions, shares, strict=True)
    ]
    start = BEGINNING + rng.randrange(24) * HOUR
    return Stage(rng, markets, start, start + days * DAY, start + rng.uniform(0.6, 0.75) * days * DAY)


def _service(per_day: float, days: float, homes: Sequence[str] = HOMES) -> Callable[[random.Random], Stage]:
    return lambda rng: stage_of(rng, per_day=per_day, days=days, homes=homes)


SMALL, LARGE = _service(30, 12), _service(30_000, 1.4)
CHEAP = _service(6_000, 3, ("US", "CA", "TR", "CO", "BR"))
