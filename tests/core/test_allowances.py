"""Allowances: how many win, when a window ends, what is given back, how long a failure makes the next try wait."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from otp_service.core import allowances
from otp_service.core.allowances import Allowance
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import TooMany
from tests.parallel import at_once

pytestmark = pytest.mark.each_case

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
HOUR = 3_600


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    """The database of the application."""
    with app.app_context():
        yield


def take(subject: str = "a", *, limit: int = 3, at: float = 0, name: str = "test") -> bool:
    """Count one more, `at` seconds past noon, in a window of an hour."""
    with transaction():
        return allowances.take_if_left(Allowance(name, subject, limit, HOUR), now=NOON + timedelta(seconds=at))


def give_back(subject: str = "a", *, taken_at: float = 0) -> None:
    with transaction():
        allowances.give_back(Allowance("test", subject, 3, HOUR), taken_at=NOON + timedelta(seconds=taken_at))


def wait(subject: str = "a", *, at: float = 0, limit: int = 1) -> float:
    return allowances.seconds_until_open(Allowance("test", subject, limit, HOUR), now=NOON + timedelta(seconds=at))


def test_a_counter_gives_as_many_as_its_limit() -> None:
    assert [take() for _ in range(5)] == [True, True, True, False, False]


def test_counters_of_other_names_and_subjects_are_apart() -> None:
    assert [take(limit=1), take("b", limit=1), take(name="other", limit=1), take(limit=1)] == [True, True, True, False]


def test_a_window_opens_with_its_first_count_and_ends_after_its_length() -> None:
    assert [take(limit=1, at=100), take(limit=1, at=100 + HOUR - 1), take(limit=1, at=100 + HOUR)] == [
        True,
        False,
        True,
    ]


def test_a_refused_take_does_not_lengthen_the_window() -> None:
    assert take(limit=1)
    assert not take(limit=1, at=HOUR - 1)
    assert take(limit=1, at=HOUR)


def test_a_new_window_starts_from_one() -> None:
    assert [take(limit=2) for _ in range(3)] == [True, True, False]
    assert [take(limit=2, at=HOUR) for _ in range(3)] == [True, True, False]


def test_a_window_of_no_length_is_no_limit() -> None:
    with transaction():
        taken = [allowances.take_if_left(Allowance("test", "a", 1, 0), now=NOON) for _ in range(3)]
    assert taken == [True] * 3


def test_a_full_counter_tells_how_long_to_wait() -> None:
    take(limit=1)
    assert (wait(), wait(at=1_000.5), wait(at=HOUR - 1)) == (HOUR, HOUR - 1_000.5, 1)


def test_a_wait_is_never_less_than_a_second() -> None:
    assert wait() == 1
    take(limit=1)
    assert wait(at=HOUR + 5) == 1


def test_what_is_given_back_can_be_taken_again() -> None:
    assert [take() for _ in range(3)] == [True] * 3
    give_back()
    assert [take(at=1), take(at=1)] == [True, False]


def takes(number: int, *, at: float, limit: int = 10) -> int:
    """Try so often at one moment; how many were counted."""
    return [take(limit=limit, at=at) for _ in range(number)].count(True)


def test_around_the_edge_of_a_window_no_more_pass_than_the_limit() -> None:
    assert takes(1, at=0) == 1
    assert takes(20, at=HOUR - 1) == 9
    assert takes(20, at=HOUR + 1) == 0
    assert takes(20, at=2 * HOUR - 1) == 10


def test_counts_leave_the_window_as_they_came() -> None:
    assert [takes(1, at=60 * minute) for minute in range(0, 60, 6)] == [1] * 10

    assert [takes(10, at=HOUR + 60 * minute + 1) for minute in range(0, 60, 6)] == [0, *[1] * 8, 2]


@pytest.mark.parametrize("first", [0, 100, HOUR - 1])
def test_a_burst_counts_for_exactly_the_length_of_the_window(first: float) -> None:
    takes(1, at=0)
    burst = takes(10, at=first)

    assert takes(10, at=first + HOUR) == 10
    assert burst == 9


def test_the_wait_around_the_edge_is_the_time_until_one_more_passes() -> None:
    takes(1, at=0)
    takes(9, at=HOUR - 600)
    seconds = wait(at=HOUR - 300, limit=10)

    assert takes(1, at=HOUR - 300 + seconds - 1) == 0
    assert takes(1, at=HOUR - 300 + seconds + 1) == 1


def test_the_wait_in_the_next_part_is_the_time_until_one_more_passes() -> None:
    takes(1, at=0)
    takes(9, at=HOUR - 600)
    taken = takes(10, at=HOUR + 900)
    seconds = wait(at=HOUR + 900, limit=10)

    assert 0 < taken < 10
    assert takes(1, at=HOUR + 900 + seconds - 1) == 0
    assert takes(1, at=HOUR + 900 + seconds + 1) == 1


def test_what_is_given_back_to_the_earlier_part_is_taken_off_it() -> None:
    takes(1, at=0)
    takes(9, at=HOUR - 1)
    assert takes(10, at=HOUR + 5) == 0
    time = NOON + timedelta(seconds=HOUR - 1)
    with transaction():
        allowances.give_back(Allowance("test", "a", 10, HOUR), taken_at=time)

    assert takes(10, at=HOUR + 5) == 1


def test_several_allowances_are_counted_by_one_statement_or_none_is() -> None:
    names = [Allowance(name, "a", limit, HOUR) for name, limit in (("one", 2), ("two", 1), ("three", 2))]

    def take_all() -> bool:
        try:
            with transaction():
                allowances.take_all(names, now=NOON)
        except TooMany:
            return False
        return True

    assert [take_all(), take_all()] == [True, False]
    assert [take(name="one", limit=2), take(name="one", limit=2)] == [True, False]


def test_an_allowance_that_may_be_full_stops_no_other() -> None:
    names = [Allowance("one", "a", 1, HOUR), Allowance("two", "a", 2, HOUR)]
    with transaction():
        for _ in range(2):
            allowances.take_all(names, now=NOON, beyond=["one"])
        with pytest.raises(TooMany):
            allowances.take_all(names, now=NOON, beyond=["one"])


def test_a_counter_given_back_to_nothing_opens_a_new_window() -> None:
    take(limit=1)
    give_back()
    assert take(limit=1, at=HOUR - 1)
    assert wait(at=HOUR - 1) == HOUR


def test_more_is_never_given_back_than_was_taken() -> None:
    take(limit=2)
    for _ in range(5):
        give_back()
    assert [take(limit=2, at=1) for _ in range(3)] == [True, True, False]


def test_giving_back_leaves_a_later_window_alone() -> None:
    take(limit=1)
    take(limit=1, at=HOUR)
    give_back(taken_at=0)
    assert not take(limit=1, at=HOUR + 1)


def test_giving_back_what_was_never_taken_does_nothing() -> None:
    give_back("nobody")
    assert take("nobody", limit=1)


def test_a_cleared_counter_is_as_new() -> None:
    take(limit=1)
    with transaction():
        allowances.clear(Allowance("test", "a", 1, HOUR))
    assert take(limit=1)


def test_a_take_that_is_rolled_back_was_none() -> None:
    def take_and_fail() -> None:
        with transaction():
            assert take(limit=1)
            raise LookupError

    with pytest.raises(LookupError):
        take_and_fail()
    assert take(limit=1)


@pytest.mark.parametrize("limit", [1, 5, 20])
@pytest.mark.parametrize("window", ["first", "second"])
def test_of_50_parallel_takes_exactly_as_many_win_as_the_limit(app: Flask, limit: int, window: str) -> None:
    if window == "second":
        take(limit=1)
    at = 0 if window == "first" else HOUR
    assert at_once(50, lambda _: in_thread(app, limit, at)).count(True) == limit


def in_thread(app: Flask, limit: int, at: float) -> bool:
    with app.app_context():
        return take(limit=limit, at=at)


def test_parallel_takes_and_give_backs_lose_no_count(app: Flask) -> None:
    def take_and_return(_: int) -> bool:
        with app.app_context():
            won = take(limit=50)
            give_back()
            return won

    assert all(at_once(50, take_and_return))
    assert [take(limit=2, at=1) for _ in range(3)] == [True, True, False]
