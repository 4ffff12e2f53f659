"""The generator of the fraud benchmark: the same seed, the same events, in order, with numbers that exist."""

import io
import itertools
import random
import statistics

import phonenumbers
import pytest

from benchmarks.fraud import addresses, attacks, events
from benchmarks.fraud.attacks import Pace
from benchmarks.fraud.countries import COUNTRIES, country
from benchmarks.fraud.generator import VARIANTS, generate
from benchmarks.fraud.honest import DAY, HOUR, Change, market, traffic
from benchmarks.fraud.scenarios import SCENARIOS
from benchmarks.fraud.stage import BEGINNING

pytestmark = pytest.mark.one_database


def written(name: str, seed: int) -> str:
    file = io.StringIO()
    events.write(generate(name, seed), file)
    return file.getvalue()


def test_the_same_seed_draws_the_same_file_and_another_one_differs() -> None:
    first = written("small-service-burst", 1)

    assert written("small-service-burst", 1) == first
    assert written("small-service-burst", 2) != first


def test_events_are_in_time_order_and_each_number_is_valid() -> None:
    drawn = generate("small-service-burst", 3)

    assert drawn == sorted(drawn, key=lambda event: event.at)
    assert {event.label for event in drawn} == {"legit", "attack"}
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(event.number)) for event in drawn)


@pytest.mark.parametrize("region", COUNTRIES[::8])
def test_a_range_of_a_country_is_its_code_and_four_digits(region: str) -> None:
    place = country(region)

    assert {len(prefix) for prefix in place.ranges} == {len(place.prefix) + 4}
    assert all(prefix.startswith(place.prefix) for prefix in place.ranges)


def test_honest_people_verify_at_the_rate_of_their_country_within_half_a_minute() -> None:
    people = market("DE", 3000, random.Random(1), conversion=0.85)

    drawn = traffic([people], start=BEGINNING, end=BEGINNING + DAY)

    delays = [event.verified_after for event in drawn if event.verified_after is not None]
    assert 0.82 < len(delays) / len(drawn) < 0.88
    assert 14 < statistics.median(delays) < 26
    assert sum(delay > 100 for delay in delays) / len(delays) < 0.03


def test_an_outage_takes_the_codes_of_its_prefix_and_its_time_alone() -> None:
    people = market("DE", 3000, random.Random(1), conversion=0.9)
    outage = Change(BEGINNING + 12 * HOUR, BEGINNING + 13 * HOUR, converts=0.0, prefix="+491")

    drawn = traffic([people], start=BEGINNING, end=BEGINNING + DAY, changes=[outage])

    inside = [event for event in drawn if outage.start <= event.at < outage.end]
    assert {event.verified_after for event in inside} == {None}
    assert any(event.verified_after for event in drawn if event.at >= outage.end)


def test_an_attack_with_pauses_sends_in_its_share_of_each_period_alone() -> None:
    pace = Pace(BEGINNING, BEGINNING + 4 * HOUR, 500, period=HOUR, active=0.25)

    moments = pace.moments(random.Random(1))

    assert moments == sorted(moments)
    assert all((at - BEGINNING) % HOUR <= HOUR / 4 for at in moments)


def test_an_attacker_verifies_the_share_that_was_asked_for() -> None:
    rng = random.Random(1)
    numbers = attacks.at_random(rng, attacks.some_ranges(rng, "UZ", 1))

    drawn = attacks.attack(rng, Pace(0.0, HOUR, 2000), numbers, addresses.one_of(5, rng), verifies=0.2, price=0.4)

    assert {event.price for event in drawn} == {0.4}
    assert 0.17 < sum(event.verified_after is not None for event in drawn) / 2000 < 0.23


def test_each_range_of_many_countries_is_used_once_before_any_is_used_again() -> None:
    ranges = {prefix for region in ("AE", "DE") for prefix in country(region).ranges}

    numbers = attacks.each_range_once(random.Random(1), ["AE", "DE"])
    drawn = [number[: len(place.prefix) + 4] for number, place in itertools.islice(numbers, len(ranges))]

    assert set(drawn) == ranges


def test_the_second_set_has_at_least_twenty_five_scenarios_of_other_names() -> None:
    assert len(VARIANTS) >= 25
    assert not set(VARIANTS) & set(SCENARIOS)
