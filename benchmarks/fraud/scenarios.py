"""The published scenarios: what an attacker does, or what makes honest people look like one."""

from benchmarks.fraud import addresses, attacks, honest
from benchmarks.fraud.attacks import Pace, attack, some_ranges
from benchmarks.fraud.countries import DEAR
from benchmarks.fraud.events import Event
from benchmarks.fraud.honest import DAY, HOUR, Change
from benchmarks.fraud.scenario import Scenario, registrar
from benchmarks.fraud.stage import HOMES, Stage

SCENARIOS: dict[str, Scenario] = {}
_scenario = registrar(SCENARIOS)


def _for_hours(stage: Stage, hours: float, messages: int) -> Pace:
    return Pace(stage.hour, stage.hour + hours * HOUR, messages)


@_scenario("5,000 messages to one range in two hours")
def _burst(stage: Stage) -> list[Event]:
    ranges = some_ranges(stage.rng, stage.foreign(DEAR), 1)
    numbers = attacks.at_random(stage.rng, ranges)
    return stage.people() + attack(stage.rng, _for_hours(stage, 2, 5000), numbers, addresses.one_of(400, stage.rng))


@_scenario("24 messages an hour to two ranges, for two days and a half")
def _slow_drip(stage: Stage) -> list[Event]:
    numbers = attacks.at_random(stage.rng, some_ranges(stage.rng, stage.foreign(DEAR), 2))
    start = stage.start + 10 * HOUR
    pace = Pace(start, stage.end, int(24 * (stage.end - start) / HOUR))
    return stage.people() + attack(stage.rng, pace, numbers, addresses.one_of(300, stage.rng))


@_scenario("8,000 messages to 40 ranges in 25 countries at once")
def _many_countries(stage: Stage) -> list[Event]:
    regions = stage.rng.sample(DEAR, 25)
    ranges = [found for region in regions + regions[:15] for found in some_ranges(stage.rng, region, 1)]
    numbers = attacks.at_random(stage.rng, ranges)
    return stage.people() + attack(stage.rng, _for_hours(stage, 4, 8000), numbers, addresses.one_of(1500, stage.rng))


@_scenario("4,000 messages to one range, each from another address")
def _address_per_request(stage: Stage) -> list[Event]:
    numbers = attacks.at_random(stage.rng, some_ranges(stage.rng, stage.foreign(DEAR), 1))
    return stage.people() + attack(
        stage.rng, _for_hours(stage, 3, 4000), numbers, addresses.another_each_time(stage.rng)
    )


@_scenario("3,000 consecutive numbers from a rented network")
def _consecutive_numbers(stage: Stage) -> list[Event]:
    numbers = attacks.consecutive(stage.rng, some_ranges(stage.rng, stage.foreign(DEAR), 1))
    return stage.people() + attack(stage.rng, _for_hours(stage, 3, 3000), numbers, addresses.one_network(stage.rng))


@_scenario("4,000 random numbers in three ranges of a country with a few customers")
def _random_numbers(stage: Stage) -> list[Event]:
    numbers = attacks.at_random(stage.rng, some_ranges(stage.rng, stage.markets[-1].country.region, 3))
    return stage.people() + attack(stage.rng, _for_hours(stage, 6, 4000), numbers, addresses.one_of(800, stage.rng))


def _verifying(stage: Stage, verifies: float) -> list[Event]:
    numbers = attacks.at_random(stage.rng, some_ranges(stage.rng, stage.foreign(DEAR), 2))
    return stage.people() + attack(
        stage.rng, _for_hours(stage, 6, 5000), numbers, addresses.one_of(600, stage.rng), verifies=verifies
    )


@_scenario("5,000 messages to two ranges; the attacker verifies 10 % of the codes")
def _verifies_10(stage: Stage) -> list[Event]:
    return _verifying(stage, 0.10)


@_scenario("the same; the attacker verifies 20 %")
def _verifies_20(stage: Stage) -> list[Event]:
    return _verifying(stage, 0.20)


@_scenario("the same; the attacker verifies 30 %")
def _verifies_30(stage: Stage) -> list[Event]:
    return _verifying(stage, 0.30)


@_scenario("1,200 messages at 0.38 EUR to one range")
def _premium_destination(stage: Stage) -> list[Event]:
    numbers = attacks.at_random(stage.rng, some_ranges(stage.rng, stage.foreign(DEAR), 1))
    return stage.people() + attack(
        stage.rng, _for_hours(stage, 3, 1200), numbers, addresses.one_of(200, stage.rng), price=0.38
    )


@_scenario("6,000 messages to two ranges of the country with the most customers")
def _inside_a_big_country(stage: Stage) -> list[Event]:
    home = stage.home
    ranges = [(prefix, home.country) for prefix in stage.rng.choices(home.ranges, home.weights, k=2)]
    numbers = attacks.at_random(stage.rng, ranges)
    return stage.people() + attack(stage.rng, _for_hours(stage, 5, 6000), numbers, addresses.one_of(900, stage.rng))


@_scenario(
    "3,000 cheap messages, spread over all ranges of the country with the most customers as people are", is_spread=True
)
def _evenly_over_a_country(stage: Stage) -> list[Event]:
    home = stage.home
    ranges = [(prefix, home.country) for prefix in stage.rng.choices(home.ranges, home.weights, k=3000)]
    numbers = attacks.at_random(stage.rng, ranges)
    return stage.people() + attack(
        stage.rng, _for_hours(stage, 16, 3000), numbers, addresses.another_each_time(stage.rng)
    )


def _sale(stage: Stage) -> Change:
    return Change(stage.hour, stage.hour + HOUR, factor=20.0)


@_scenario("5,000 messages to a foreign range and one with customers; they begin within a flash sale")
def _during_a_sale(stage: Stage) -> list[Event]:
    ranges = [*some_ranges(stage.rng, stage.foreign(DEAR), 1), (stage.markets[1].ranges[0], stage.markets[1].country)]
    numbers = attacks.at_random(stage.rng, ranges)
    pace = Pace(stage.hour + 0.3 * HOUR, stage.hour + 2.3 * HOUR, 5000)
    return stage.people(_sale(stage)) + attack(stage.rng, pace, numbers, addresses.one_of(500, stage.rng))


@_scenario("1,500 messages to one range within four minutes")
def _four_minutes(stage: Stage) -> list[Event]:
    numbers = attacks.at_random(stage.rng, some_ranges(stage.rng, stage.foreign(DEAR), 1))
    pace = Pace(stage.hour, stage.hour + 240, 1500)
    return stage.people() + attack(stage.rng, pace, numbers, addresses.one_of(300, stage.rng))


@_scenario("5,000 messages, each to another range of 30 countries")
def _each_range_once(stage: Stage) -> list[Event]:
    numbers = attacks.each_range_once(stage.rng, stage.rng.sample(DEAR, 30))
    return stage.people() + attack(
        stage.rng, _for_hours(stage, 6, 5000), numbers, addresses.another_each_time(stage.rng)
    )


@_scenario("three days without anything special", is_attack=False)
def _ordinary_days(stage: Stage) -> list[Event]:
    return stage.people()


@_scenario("twenty times the traffic for an hour", is_attack=False)
def _flash_sale(stage: Stage) -> list[Event]:
    return stage.people(_sale(stage))


@_scenario("an operator of the largest market delivers no codes for an hour", is_attack=False)
def _outage(stage: Stage) -> list[Event]:
    weight = dict.fromkeys(stage.home.ranges, 0.0)
    for prefix, share in zip(stage.home.ranges, stage.home.weights, strict=True):
        weight[prefix] += share
    operator = max({prefix[:-1] for prefix in weight}, key=lambda begin: sum(
        share for prefix, share in weight.items() if prefix.startswith(begin)
    ))  # fmt: skip
    return stage.people(Change(stage.hour, stage.hour + HOUR, converts=0.0, prefix=operator))


@_scenario("a country without history brings a thousand people a day from one hour on", is_attack=False)
def _launch(stage: Stage) -> list[Event]:
    newcomer = honest.market(stage.foreign((*HOMES, "PH", "ID", "NG", "EG")), 1000, stage.rng)
    arrivals = honest.traffic([newcomer], start=stage.hour, end=stage.end)
    return stage.people() + arrivals


@_scenario("an office and a campus: hundreds of people behind two addresses", is_attack=False)
def _shared_address(stage: Stage) -> list[Event]:
    groups = []
    for people in (300, 800):
        group = honest.market(stage.home.country.region, people, stage.rng)
        group.draw_address = addresses.single(stage.rng)
        groups.append(group)
    return stage.people() + honest.traffic(groups, start=stage.hour, end=stage.hour + DAY / 2)


@_scenario("a country, the third largest market, whose people verify 45 % of the codes", is_attack=False)
def _converts_45(stage: Stage) -> list[Event]:
    stage.markets[2].conversion = 0.45
    return stage.people()
