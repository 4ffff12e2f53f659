"""Traffic of honest people: they come by day, type the code within half a minute, and some try again or give up."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.fraud import addresses
from benchmarks.fraud.countries import Country, country
from benchmarks.fraud.events import LEGIT, Event

HOUR = 3600.0
DAY = 24 * HOUR
# Relative traffic by local hour, beginning at midnight.
_CURVE = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 11, 12, 11, 10, 10, 10, 11, 12, 13, 13, 11, 8, 4)
_CURVE_MEAN = sum(_CURVE) / len(_CURVE)
_RETRIES = 0.55
_TRIES = 3
_RETURNING = 0.12
# A voice call costs more than an SMS, a message by WhatsApp less.
_CHANNELS = {"sms": (0.94, 1.0), "voice": (0.03, 1.6), "whatsapp": (0.03, 0.6)}


@dataclass(frozen=True)
class Change:
    """From `start` to `end`: traffic times `factor` and conversion times `converts` for numbers in `prefix`."""

    start: float
    end: float
    factor: float = 1.0
    converts: float = 1.0
    prefix: str = "+"


@dataclass
class Market:
    """The people of one country who use the service: how many a day, their ranges, their addresses, their pace."""

    country: Country
    per_day: float
    rng: random.Random
    conversion: float
    draw_address: addresses.Addresses
    ranges: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    median_delay: float = 20.0
    earlier: list[str] = field(default_factory=list)

    def draw_number(self) -> str:
        """Draw the number of someone new, or at times of someone who was here before."""
        if self.earlier and self.rng.random() < _RETURNING:
            return self.rng.choice(self.earlier)
        number = self.country.number_in(self.rng.choices(self.ranges, self.weights)[0], self.rng)
        if len(self.earlier) < 5000:
            self.earlier.append(number)
        return number

    def draw_delay(self) -> float:
        """Seconds until the code is typed in: a long tail, a percent above 100."""
        return min(290.0, max(4.0, self.rng.lognormvariate(math.log(self.median_delay), 0.65)))


def market(region: str, per_day: float, rng: random.Random, *, conversion: float | None = None) -> Market:
    """Draw a market: a few operators with shares of very different size, each with all its ranges."""
    place = country(region)
    operators = sorted({prefix[:-1] for prefix in place.ranges})
    chosen = rng.sample(operators, min(len(operators), rng.randint(8, 18)))
    share = {operator: rng.paretovariate(1.1) for operator in chosen}
    ranges = [prefix for prefix in place.ranges if prefix[:-1] in share]
    return Market(
        country=place,
        per_day=per_day,
        rng=rng,
        conversion=conversion or min(0.92, max(0.75, place.conversion + rng.gauss(0, 0.015))),
        draw_address=addresses.of_people(rng),
        ranges=ranges,
        weights=[share[prefix[:-1]] * rng.uniform(0.2, 1.0) for prefix in ranges],
        median_delay=rng.uniform(15.0, 25.0),
    )


def traffic(markets: Sequence[Market], *, start: float, end: float, changes: Sequence[Change] = ()) -> list[Event]:
    """All that honest people send between `start` and `end`, in time order."""
    events = [
        event
        for place in markets
        for at in _arrivals(place, start, end, changes)
        for event in _person(place, at, changes)
    ]
    return sorted(events)


def _arrivals(place: Market, start: float, end: float, changes: Sequence[Change]) -> Iterator[float]:
    """Moments at which someone begins; each five minutes have a rate of their own."""
    step = HOUR / 12
    slot = start
    while slot < end:
        hour = int((slot % DAY) / HOUR + place.country.utc_offset) % 24
        rate = place.per_day / DAY * _CURVE[hour] / _CURVE_MEAN * place.rng.uniform(0.8, 1.2)
        for change in changes:
            if change.start <= slot < change.end and place.country.prefix.startswith(change.prefix):
                rate *= change.factor
        at = slot + place.rng.expovariate(rate)
        while at < slot + step:
            yield at
            at += place.rng.expovariate(rate)
        slot += step


def _person(place: Market, at: float, changes: Sequence[Change]) -> Iterator[Event]:
    """One person's sends: after each failure half of them try again, a minute later, three times at most."""
    rng = place.rng
    number, address = place.draw_number(), place.draw_address()
    channel = rng.choices(list(_CHANNELS), [share for share, _ in _CHANNELS.values()])[0]
    price = round(place.country.price * _CHANNELS[channel][1], 4)
    for _ in range(_TRIES):
        converts = place.conversion
        for change in changes:
            if change.start <= at < change.end and number.startswith(change.prefix):
                converts *= change.converts
        after = place.draw_delay() if rng.random() < converts else None
        yield Event(at, number, address, channel, price, after, LEGIT)
        if after is not None or rng.random() > _RETRIES:
            return
        at += rng.uniform(35.0, 150.0)
