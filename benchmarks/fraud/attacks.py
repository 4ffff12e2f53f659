"""Traffic of attackers: which numbers, which addresses, at what pace, and how many codes they verify themselves."""

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.fraud.addresses import Addresses
from benchmarks.fraud.countries import Country, country
from benchmarks.fraud.events import ATTACK, Event

Numbers = Iterator[tuple[str, Country]]


@dataclass(frozen=True)
class Pace:
    """`messages` between `start` and `end`, evenly at random; with `active`, in that share of each `period` seconds."""

    start: float
    end: float
    messages: int
    period: float = 3600.0
    active: float = 1.0

    def moments(self, rng: random.Random) -> list[float]:
        """Draw the moments of the messages, in order."""
        drawn = (rng.random() * (self.end - self.start) for _ in range(self.messages))
        return sorted(self.start + self._squeeze(offset) for offset in drawn)

    def _squeeze(self, offset: float) -> float:
        whole, rest = divmod(offset, self.period)
        return whole * self.period + rest * self.active


def attack(
    rng: random.Random,
    pace: Pace,
    numbers: Numbers,
    draw_address: Addresses,
    *,
    verifies: float = 0.0,
    price: float | None = None,
) -> list[Event]:
    """Send to `numbers` at `pace`; `price` (EUR) replaces that of each country; `verifies` is a share of the codes."""
    events = []
    for at, (number, place) in zip(pace.moments(rng), numbers, strict=False):
        after = rng.uniform(8.0, 60.0) if rng.random() < verifies else None
        cost = place.price if price is None else price
        events.append(Event(at, number, draw_address(), "sms", round(cost, 4), after, ATTACK))
    return events


def by_voice(events: Iterable[Event], rng: random.Random, share: float = 0.5) -> list[Event]:
    """Let a share of the events ask for a call, which costs more than an SMS."""
    return [
        event._replace(channel="voice", price=round(event.price * 1.6, 4)) if rng.random() < share else event
        for event in events
    ]


def some_ranges(rng: random.Random, region: str, count: int) -> list[tuple[str, Country]]:
    """Draw `count` ranges (country code and four digits) of a country."""
    place = country(region)
    return [(prefix, place) for prefix in rng.sample(place.ranges, count)]


def at_random(rng: random.Random, ranges: Sequence[tuple[str, Country]]) -> Numbers:
    """Yield numbers anywhere in the ranges."""
    while True:
        prefix, place = rng.choice(ranges)
        yield place.number_in(prefix, rng), place


def consecutive(rng: random.Random, ranges: Sequence[tuple[str, Country]]) -> Numbers:
    """Yield one number after the other, from somewhere in the first range."""
    prefix, place = ranges[0]
    for number in itertools.count(int(place.number_in(prefix, rng))):
        yield f"+{number}", place


def few_numbers(rng: random.Random, ranges: Sequence[tuple[str, Country]], count: int) -> Numbers:
    """Yield the same `count` numbers again and again, in random order."""
    known = list(itertools.islice(at_random(rng, ranges), count))
    while True:
        yield rng.choice(known)


def each_range_once(rng: random.Random, regions: Sequence[str]) -> Numbers:
    """Yield a number of each range of each country, in random order, and then from the beginning."""
    ranges = [(prefix, country(region)) for region in regions for prefix in country(region).ranges]
    while True:
        rng.shuffle(ranges)
        for prefix, place in ranges:
            yield place.number_in(prefix, rng), place


def hopping(rng: random.Random, ranges: Sequence[tuple[str, Country]], each: int) -> Numbers:
    """Yield `each` numbers of the first range, then of the second, and so on; the last one goes on."""
    for prefix, place in ranges:
        for _ in range(each):
            yield place.number_in(prefix, rng), place
    yield from at_random(rng, ranges[-1:])
