"""Variants for which the guard is not tuned: other services, other prices, and attackers who know how guards work."""

from collections.abc import Sequence

from benchmarks.fraud import addresses, attacks
from benchmarks.fraud.attacks import Pace, attack, some_ranges
from benchmarks.fraud.countries import DEAR, Country
from benchmarks.fraud.events import Event
from benchmarks.fraud.honest import HOUR, Change
from benchmarks.fraud.scenario import Scenario, registrar
from benchmarks.fraud.stage import CHEAP, LARGE, SMALL, Stage

VARIANTS: dict[str, Scenario] = {}
_variant = registrar(VARIANTS)


def _pace(stage: Stage, hours: float, messages: int, *, period: float = HOUR, active: float = 1.0) -> Pace:
    return Pace(stage.hour, min(stage.end, stage.hour + hours * HOUR), messages, period, active)


def _foreign_range(stage: Stage, count: int = 1) -> list[tuple[str, Country]]:
    return some_ranges(stage.rng, stage.foreign(DEAR), count)


def _ranges_as_people(stage: Stage, count: int, market: int = 0) -> list[tuple[str, Country]]:
    """Draw ranges of a market, by the share of its people there."""
    place = stage.markets[market]
    return [(prefix, place.country) for prefix in stage.rng.choices(place.ranges, place.weights, k=count)]


def _pumping(stage: Stage, ranges: Sequence[tuple[str, Country]], pace: Pace, verifies: float = 0.0) -> list[Event]:
    """Draw an attack on ranges from several hundred proxies."""
    rng = stage.rng
    return attack(
        rng, pace, attacks.at_random(rng, ranges), addresses.one_of(rng.randint(100, 1500), rng), verifies=verifies
    )


@_variant("a service with 30 sends a day: 800 messages to one range in two hours", set_stage=SMALL)
def _small_service_burst(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _foreign_range(stage), _pace(stage, 2, 800))


@_variant("a service with 30 sends a day: six messages an hour to one range for three days", set_stage=SMALL)
def _small_service_drip(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _foreign_range(stage), _pace(stage, 72, 432))


@_variant("a service with 30 sends a day: 1,000 messages to three ranges of its largest market", set_stage=SMALL)
def _small_service_at_home(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _ranges_as_people(stage, 3), _pace(stage, 6, 1000))


@_variant("a service with 30,000 sends a day: 8,000 messages to one range", set_stage=LARGE)
def _large_service_burst(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _foreign_range(stage), _pace(stage, 3, 8000))


@_variant("a service with 30,000 sends a day: 9,000 messages to one range of its largest market", set_stage=LARGE)
def _large_service_at_home(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _ranges_as_people(stage, 1), _pace(stage, 5, 9000))


@_variant("a service without history: 3,000 messages to one range from the first hour on")
def _no_history_burst(stage: Stage) -> list[Event]:
    pace = Pace(stage.start, stage.start + 3 * HOUR, 3000)
    return stage.people() + _pumping(stage, _foreign_range(stage), pace)


@_variant("a service without history: 4,000 messages to 30 ranges in 15 countries from the first hour on")
def _no_history_many_countries(stage: Stage) -> list[Event]:
    ranges = [found for region in stage.rng.sample(DEAR, 15) for found in some_ranges(stage.rng, region, 2)]
    return stage.people() + _pumping(stage, ranges, Pace(stage.start, stage.start + 4 * HOUR, 4000))


@_variant("a service without history: 3,000 messages to two ranges of its largest market from the first hour on")
def _no_history_at_home(stage: Stage) -> list[Event]:
    pace = Pace(stage.start, stage.start + 5 * HOUR, 3000)
    return stage.people() + _pumping(stage, _ranges_as_people(stage, 2), pace)


@_variant("4,000 messages to one range, ten minutes in each hour")
def _short_pauses(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _foreign_range(stage), _pace(stage, 16, 4000, active=1 / 6))


@_variant("3,000 messages to two ranges, two hours in each fourteen")
def _long_pauses(stage: Stage) -> list[Event]:
    pace = Pace(stage.start + 6 * HOUR, stage.start + 62 * HOUR, 3000, 14 * HOUR, 1 / 7)
    return stage.people() + _pumping(stage, _foreign_range(stage, 2), pace)


@_variant("two attacks at once: 3,000 messages to a foreign range and 3,000 to one with customers")
def _two_at_once(stage: Stage) -> list[Event]:
    abroad = _pumping(stage, _foreign_range(stage), _pace(stage, 3, 3000))
    return stage.people() + abroad + _pumping(stage, _ranges_as_people(stage, 1, 1), _pace(stage, 8, 3000))


@_variant("4,000 messages; another range of one country every 100 messages")
def _hopping_ranges(stage: Stage) -> list[Event]:
    numbers = attacks.hopping(stage.rng, _foreign_range(stage, 40), 100)
    return stage.people() + attack(stage.rng, _pace(stage, 5, 4000), numbers, addresses.one_of(500, stage.rng))


@_variant("4,000 messages; another range of another country every 50 messages")
def _hopping_countries(stage: Stage) -> list[Event]:
    ranges = [found for region in stage.rng.choices(DEAR, k=80) for found in some_ranges(stage.rng, region, 1)]
    numbers = attacks.hopping(stage.rng, ranges, 50)
    return stage.people() + attack(stage.rng, _pace(stage, 6, 4000), numbers, addresses.one_of(500, stage.rng))


@_variant("3,000 messages to one range, half of them calls")
def _mixed_channels(stage: Stage) -> list[Event]:
    pumping = _pumping(stage, _foreign_range(stage), _pace(stage, 4, 3000))
    return stage.people() + attacks.by_voice(pumping, stage.rng)


@_variant("4,000 messages to two ranges; the attacker verifies 5 %")
def _verifies_5(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _foreign_range(stage, 2), _pace(stage, 5, 4000), 0.05)


@_variant("4,000 messages to four ranges; the attacker verifies 15 %")
def _verifies_15(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _foreign_range(stage, 4), _pace(stage, 10, 4000), 0.15)


@_variant("4,000 messages to one range; the attacker verifies 25 %")
def _verifies_25(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _foreign_range(stage), _pace(stage, 8, 4000), 0.25)


@_variant("6,000 messages to two ranges; the attacker verifies 35 %")
def _verifies_35(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _foreign_range(stage, 2), _pace(stage, 10, 6000), 0.35)


@_variant("10,000 messages at 0.005 EUR to one range of a country without customers")
def _cheap_burst(stage: Stage) -> list[Event]:
    numbers = attacks.at_random(stage.rng, _foreign_range(stage))
    return stage.people() + attack(
        stage.rng, _pace(stage, 5, 10_000), numbers, addresses.one_of(900, stage.rng), price=0.005
    )


@_variant("1,000 messages at 0.40 EUR to two ranges over a day")
def _dear_drip(stage: Stage) -> list[Event]:
    numbers = attacks.at_random(stage.rng, _foreign_range(stage, 2))
    return stage.people() + attack(
        stage.rng, _pace(stage, 20, 1000), numbers, addresses.one_of(200, stage.rng), price=0.40
    )


@_variant("2,000 messages to the same 60 numbers")
def _few_numbers(stage: Stage) -> list[Event]:
    numbers = attacks.few_numbers(stage.rng, _foreign_range(stage, 2), 60)
    return stage.people() + attack(stage.rng, _pace(stage, 6, 2000), numbers, addresses.one_of(700, stage.rng))


@_variant("3,000 messages to 20 countries from one network of IPv6")
def _one_network(stage: Stage) -> list[Event]:
    numbers = attacks.each_range_once(stage.rng, stage.rng.sample(DEAR, 20))
    return stage.people() + attack(stage.rng, _pace(stage, 5, 3000), numbers, addresses.one_network_of_ipv6(stage.rng))


@_variant("a cheap country: 6,000 messages over a day, spread as people are", is_spread=True, set_stage=CHEAP)
def _spread_cheap(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _ranges_as_people(stage, 6000), _pace(stage, 20, 6000))


@_variant("the largest market: 12,000 messages in ten hours, spread as people are", is_spread=True)
def _spread_strong(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _ranges_as_people(stage, 6000), _pace(stage, 10, 12_000))


@_variant("the largest market: 3,000 messages, spread as people are; 20 % verified", is_spread=True)
def _spread_verifying(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _ranges_as_people(stage, 3000), _pace(stage, 12, 3000), 0.2)


@_variant("5,000 messages to ten ranges of the largest market")
def _ten_ranges_at_home(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _ranges_as_people(stage, 10), _pace(stage, 6, 5000))


@_variant("3,000 messages to five ranges of a small market")
def _small_market(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _ranges_as_people(stage, 5, 5), _pace(stage, 6, 3000))


@_variant("1,800 messages in 20 hours, each to another range of 40 countries")
def _each_range_once_slowly(stage: Stage) -> list[Event]:
    numbers = attacks.each_range_once(stage.rng, stage.rng.sample(DEAR, len(DEAR)))
    return stage.people() + attack(stage.rng, _pace(stage, 20, 1800), numbers, addresses.another_each_time(stage.rng))


@_variant("1,500 messages in four minutes, each to another range of 30 countries")
def _each_range_once_in_four_minutes(stage: Stage) -> list[Event]:
    numbers = attacks.each_range_once(stage.rng, stage.rng.sample(DEAR, 30))
    return stage.people() + attack(
        stage.rng, _pace(stage, 1 / 15, 1500), numbers, addresses.another_each_time(stage.rng)
    )


@_variant("600 messages to one range in 30 seconds")
def _thirty_seconds(stage: Stage) -> list[Event]:
    return stage.people() + _pumping(stage, _foreign_range(stage), _pace(stage, 1 / 120, 600))


@_variant("4,000 messages to three ranges of the largest market, within a sale of twenty times the traffic")
def _sale_at_home(stage: Stage) -> list[Event]:
    sale = Change(stage.hour, stage.hour + HOUR, factor=20.0)
    return stage.people(sale) + _pumping(stage, _ranges_as_people(stage, 3), _pace(stage, 2, 4000))


@_variant("an attacker who verifies 80 % of 400 codes in half a day, then none of 4,000 to the same range")
def _trust_first(stage: Stage) -> list[Event]:
    ranges = _foreign_range(stage)
    before = Pace(stage.hour - 12 * HOUR, stage.hour, 400)
    trusted = _pumping(stage, ranges, before, 0.8)
    return stage.people() + trusted + _pumping(stage, ranges, _pace(stage, 4, 4000))


@_variant("two messages an hour to each of 60 ranges in 20 countries")
def _drip_of_many(stage: Stage) -> list[Event]:
    ranges = [found for region in stage.rng.sample(DEAR, 20) for found in some_ranges(stage.rng, region, 3)]
    return stage.people() + _pumping(stage, ranges, _pace(stage, 18, 2160))
