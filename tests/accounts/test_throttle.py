"""Waits after failed passwords: when they start, how they double, and what is given back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from otp_service.accounts import throttle
from otp_service.accounts.errors import AccountLocked
from otp_service.core.database.transactions import transaction
from tests.conftest import MakeApp

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
ADA = "subject of ada"


@pytest.fixture(params=[1, 3])
def first_wait(request: pytest.FixtureRequest, app: Flask, make_app: MakeApp) -> Iterator[int]:
    """How many failures start the first wait, in the context of an application with this setting."""
    with make_app(LOGIN_FAILURES_BEFORE_WAIT=str(request.param)).app_context():
        yield int(request.param)


def fail(*, at: float = 0) -> int:
    return throttle.take(ADA, now=NOON + timedelta(seconds=at))


def wait(*, at: float) -> int:
    """The seconds for which a try is refused."""
    with pytest.raises(AccountLocked) as refused:
        fail(at=at)
    return refused.value.retry_after_seconds


def test_each_failure_doubles_the_wait_up_to_15_minutes(first_wait: int) -> None:
    failures = [fail() for _ in range(first_wait)]
    at, waits = 0, []
    for _ in range(8):
        waits.append(wait(at=at))
        at += waits[-1]
        failures.append(fail(at=at))

    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert failures == list(range(1, first_wait + 9))


def test_failures_are_forgotten_a_day_after_the_last(first_wait: int) -> None:
    for _ in range(first_wait):
        fail()

    assert fail(at=24 * 3_600) == 1


def test_a_try_that_was_not_checked_neither_counts_nor_waits(first_wait: int) -> None:
    for _ in range(first_wait):
        fail()
    with transaction():
        throttle.give_back(ADA, taken_at=NOON)

    assert fail() == first_wait
    assert wait(at=0) == 30


def test_a_right_password_clears_the_failures(first_wait: int) -> None:
    for _ in range(first_wait):
        fail()
    with transaction():
        throttle.clear(ADA)

    assert fail() == 1


def test_nothing_is_given_back_that_was_not_taken(first_wait: int) -> None:
    with transaction():
        throttle.give_back(ADA, taken_at=NOON)

    assert fail() == 1


def test_a_wait_of_a_clock_that_was_ahead_lasts_no_longer_than_it_should(first_wait: int) -> None:
    for _ in range(first_wait):
        fail(at=7_200)

    assert wait(at=0) == 30
    assert wait(at=20) == 10
    assert fail(at=30) == first_wait + 1
