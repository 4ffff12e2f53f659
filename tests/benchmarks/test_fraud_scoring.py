"""The arithmetic of the fraud benchmark: harm, who cannot be told apart, and the budget of unverified codes."""

import math

import pytest

from benchmarks.fraud.events import ATTACK, LEGIT, Event
from benchmarks.fraud.policies import LimitPerNumberAndAddress, ThirtyAnHour
from benchmarks.fraud.scoring import outnumbered, score
from benchmarks.fraud.unverified_budget import LeakyBucket, UnverifiedBudget
from benchmarks.fraud.verdict import verdict
from otp_service.fraud.attempt import Attempt
from otp_service.fraud.guard import Decision
from otp_service.fraud.policies import Outcome, Policy

pytestmark = pytest.mark.one_database

NOON = 1_772_452_800.0


class RefusePrefixes:
    """Refuses numbers by their beginning, to have a known result."""

    def __init__(self, *prefixes: str) -> None:
        self._prefixes = prefixes

    def decide(self, attempt: Attempt) -> Decision:
        return verdict(is_allowed=not attempt.number.startswith(self._prefixes))

    def learn(self, outcome: Outcome) -> None:
        """Its rule never changes."""


def event(second: float, number: str, label: str = LEGIT, *, after: float | None = None, ip: str = "80.1.2.3") -> Event:
    return Event(NOON + second, number, ip, "sms", 0.25, after, label)


def allowed(policy: Policy, events: list[Event]) -> list[bool]:
    """The decisions about sends that come so late that no outcome of an earlier one is open."""
    attempts = (Attempt(one.at, one.number, one.ip, one.channel, one.price) for one in events)
    return [policy.decide(attempt).is_allowed for attempt in attempts]


def test_harm_is_the_money_lost_and_a_euro_for_each_person_refused() -> None:
    events = [
        event(0, "+49151100000001", after=20),
        event(1, "+49170100000001", after=20),
        event(2, "+49170100000002"),
        event(3, "+998901000001", ATTACK),
        event(4, "+998901000002", ATTACK),
        event(5, "+998931000001", ATTACK),
    ]

    result = score(events, RefusePrefixes("+49170", "+99890"))

    assert (result.lost, result.undefended, result.refused, result.people) == (0.25, 0.75, 2, 3)
    assert result.harm == 2.25


def test_people_whom_the_attack_outnumbers_in_their_range_and_hour_are_counted_apart() -> None:
    events = [
        event(0, "+998901000001", ATTACK),
        event(1, "+998901000002", ATTACK),
        event(2, "+998901000003"),
        event(3, "+998911000001", ATTACK),
        event(4, "+998911000002"),
        event(3700, "+998901000004"),
    ]

    result = score(events, RefusePrefixes("+998"))

    assert outnumbered(events) == {("+9989010", int(NOON // 3600))}
    assert (result.refused, result.inseparable) == (2, 1)


def test_an_attack_is_contained_after_the_last_minute_in_which_its_money_flows() -> None:
    def attacked(prefix_of_minute: list[str]) -> list[Event]:
        return [
            event(60 * minute + second, f"{prefix}{second:05}", ATTACK)
            for minute, prefix in enumerate(prefix_of_minute)
            for second in range(40)
        ]

    contained = score(attacked(["+9989010", "+9989010", "+9989310", "+9989310"]), RefusePrefixes("+9989310"))
    open_to_the_end = score(attacked(["+9989310", "+9989010"]), RefusePrefixes("+9989310"))

    assert contained.seconds_to_contain == 120
    assert open_to_the_end.seconds_to_contain == math.inf
    assert score([event(0, "+49151100000001")], RefusePrefixes()).seconds_to_contain is None


def test_a_leaky_bucket_runs_dry_within_its_time() -> None:
    bucket = LeakyBucket(3600.0)
    for _ in range(3):
        assert bucket.has_room(NOON, 3)
        bucket.fill()

    assert not bucket.has_room(NOON, 3)
    assert not bucket.has_room(NOON + 1100, 3)
    assert bucket.has_room(NOON + 1200, 3)


def test_a_country_without_verified_codes_has_three_in_an_hour() -> None:
    events = [event(n, f"+99890100000{n}", ip=f"80.1.2.{n}") for n in range(4)]

    assert allowed(UnverifiedBudget(), events) == [True, True, True, False]


def test_a_verified_code_gives_its_place_back_and_raises_the_budget() -> None:
    first_day = [event(60 * n, f"+9989010{n:05}", after=5, ip=f"80.1.{n // 200}.{n % 200}") for n in range(300)]
    next_day = [event(90_000 + n, f"+9989020{n:05}", ATTACK, ip=f"81.1.0.{n}") for n in range(40)]

    result = score(first_day + next_day, UnverifiedBudget())

    assert result.refused == 0
    assert result.lost == 0.25 * (0.2 / 6 * 300)


def test_an_address_reaches_three_countries_without_a_verified_code() -> None:
    events = [event(n, number) for n, number in enumerate(("+4915110000001", "+33612000001", "+34612000001"))]
    fourth = [event(10, "+48512000001"), event(11, "+33612000002"), event(90_000, "+48512000001")]

    assert allowed(UnverifiedBudget(), events + fourth) == [True, True, True, False, True, True]


def test_limits_count_for_a_number_an_address_and_the_whole_service() -> None:
    same_number = [event(n, "+4915110000001", ip=f"80.1.2.{n}") for n in range(6)]
    same_address = [event(n, f"+49151100000{n:02}") for n in range(21)]

    assert allowed(LimitPerNumberAndAddress(), same_number) == [True] * 5 + [False]
    assert allowed(LimitPerNumberAndAddress(), same_address) == [True] * 20 + [False]
    assert allowed(ThirtyAnHour(), [*same_address, *same_number, *same_number]) == [True] * 30 + [False] * 3
