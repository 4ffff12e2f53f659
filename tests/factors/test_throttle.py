"""The count of tries that all factors share."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from otp_service.accounts import users
from otp_service.audit import COMMAND_LINE, events_of
from otp_service.core import clock
from otp_service.core.crypto.hash_slots import SlotsBusy
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import ServiceError
from otp_service.factors import throttle
from otp_service.factors.throttle import DISABLED_AT, ResponseRejected
from otp_service.verifications.errors import OtpInvalid
from tests.factories import make_person
from tests.factors.throttles import disabled
from tests.parallel import at_once

HOUR = timedelta(hours=1)
PER_HOUR = 15


@pytest.fixture
def user_id(app: Flask) -> Iterator[int]:
    """A registered user; the block is inside the application's context."""
    person = make_person(app)
    with app.app_context():
        yield person.id


def tried(user_id: int, authenticator: str = "totp", *, after: timedelta = timedelta(), **options: Any) -> str:
    """Count a try; the code of the refusal, or `counted`."""
    try:
        throttle.take(user_id, authenticator, client=COMMAND_LINE, now=clock.now() + after, **options)
    except ServiceError as refusal:
        return refusal.code
    return "counted"


def tried_in_a_row(user_id: int, number: int, authenticator: str = "totp") -> None:
    for _ in range(number):
        assert tried(user_id, authenticator, per_hour=1_000) == "counted"


def test_an_authenticator_has_fifteen_tries_an_hour(user_id: int) -> None:
    assert [tried(user_id) for _ in range(PER_HOUR + 1)] == ["counted"] * PER_HOUR + ["too_many_attempts"]
    assert tried(user_id, "backup_code") == "counted"
    assert tried(user_id, after=HOUR) == "counted"


def test_the_hour_says_when_it_ends(user_id: int) -> None:
    now = clock.now()
    throttle.take(user_id, "totp", client=COMMAND_LINE, now=now, per_hour=1)
    with pytest.raises(ServiceError) as refused:
        throttle.take(user_id, "totp", client=COMMAND_LINE, now=now + timedelta(minutes=50), per_hour=1)
    assert refused.value.extra == {"retryAfter": 600}


def test_the_hundredth_try_in_a_row_disables_for_good_and_is_recorded_once(user_id: int) -> None:
    tried_in_a_row(user_id, DISABLED_AT)
    assert [tried(user_id, per_hour=1_000), tried(user_id, after=HOUR * 24 * 365)] == ["authenticator_disabled"] * 2
    assert disabled(user_id) == {"totp"}
    told = [event for event in events_of(user_id) if event.event == "factor.disabled"]
    assert [event.facts for event in told] == [{"authenticator": "totp"}]


def test_a_success_clears_its_own_factor_alone(user_id: int) -> None:
    for authenticator in ("totp", "backup_code"):
        tried_in_a_row(user_id, DISABLED_AT - 1, authenticator)
    with transaction():
        throttle.clear(user_id, "totp")
    assert [tried(user_id, name, per_hour=1_000) for name in ("totp", "backup_code")] == ["counted"] * 2
    assert disabled(user_id) == {"backup_code"}


def test_what_was_not_checked_is_given_back_whole(user_id: int) -> None:
    tried_in_a_row(user_id, DISABLED_AT)
    with transaction():
        throttle.give_back(user_id, "totp", taken_at=clock.now())
    assert disabled(user_id) == set()
    assert tried(user_id, per_hour=DISABLED_AT) == "counted"


def test_what_was_taken_in_an_earlier_hour_is_not_taken_off_this_one(user_id: int) -> None:
    earlier = clock.now()
    assert tried(user_id) == tried(user_id, after=HOUR, per_hour=2) == "counted"
    with transaction():
        throttle.give_back(user_id, "totp", taken_at=earlier)
    assert [tried(user_id, after=HOUR, per_hour=2) for _ in range(2)] == ["counted", "too_many_attempts"]


@pytest.mark.parametrize("which", [None, "totp"])
def test_recovery_enables_again(user_id: int, which: str | None) -> None:
    tried_in_a_row(user_id, DISABLED_AT)
    throttle.enable(user_id, which)
    assert disabled(user_id) == set()
    assert tried(user_id) == "counted"


def test_tries_outside_the_row_never_disable_but_stop_with_it(user_id: int) -> None:
    for _ in range(DISABLED_AT):
        assert tried(user_id, per_hour=1_000, in_a_row=throttle.OUTSIDE_THE_ROW) == "counted"
    assert disabled(user_id) == set()
    tried_in_a_row(user_id, DISABLED_AT)
    assert tried(user_id, per_hour=1_000, in_a_row=throttle.OUTSIDE_THE_ROW) == "authenticator_disabled"


def test_a_refused_try_changes_nothing_and_a_failed_transaction_counts_nothing(user_id: int) -> None:
    with suppress(RuntimeError), transaction():
        assert tried(user_id) == "counted"
        raise RuntimeError
    assert [tried(user_id) for _ in range(PER_HOUR + 3)].count("counted") == PER_HOUR


def test_of_40_parallel_tries_fifteen_are_counted(app: Flask, user_id: int) -> None:
    def act(_: int) -> str:
        with app.app_context():
            return tried(user_id)

    assert at_once(40, act).count("counted") == PER_HOUR


def test_counts_go_with_their_user(user_id: int) -> None:
    tried_in_a_row(user_id, DISABLED_AT)
    users.remove(user_id)
    assert disabled(user_id) == set()


def attempt(user_id: int | None, error: Exception | None, *, is_in_a_row: bool = True) -> None:
    """Make an attempt whose check raises `error`."""
    with throttle.attempt(user_id, "totp", client=COMMAND_LINE, now=clock.now(), is_in_a_row=is_in_a_row):
        if error is not None:
            raise error


def counts_of(user_id: int) -> tuple[int, int]:
    """The tries in a row, and in the hour."""
    (row,) = throttle.personal_data(user_id) or [{"inARow": 0, "inWindow": 0}]
    return row["inARow"], row["inWindow"]


def test_an_attempt_with_a_right_response_counts_until_it_is_redeemed(user_id: int) -> None:
    attempt(user_id, None)

    assert counts_of(user_id) == (1, 1)


@pytest.mark.parametrize(
    ("error", "left", "counts"),
    [
        (ResponseRejected(), OtpInvalid, (1, 1)),
        (ResponseRejected(is_guess=False), OtpInvalid, (0, 0)),
        (SlotsBusy(), SlotsBusy, (0, 0)),
        (ZeroDivisionError(), ZeroDivisionError, (1, 1)),
    ],
    ids=["a guess", "no guess", "not checked", "crashed"],
)
def test_an_attempt_that_fails_counts_unless_it_was_no_guess(
    user_id: int, error: Exception, left: type[Exception], counts: tuple[int, int]
) -> None:
    with pytest.raises(left):
        attempt(user_id, error)

    assert counts_of(user_id) == counts


def test_an_attempt_outside_the_row_is_given_back_to_the_hour_alone(user_id: int) -> None:
    tried_in_a_row(user_id, 2)

    with pytest.raises(OtpInvalid):
        attempt(user_id, ResponseRejected(is_guess=False), is_in_a_row=False)

    assert counts_of(user_id) == (2, 2)


def test_a_rejection_is_recorded_with_its_reason(user_id: int) -> None:
    with pytest.raises(OtpInvalid):
        attempt(user_id, ResponseRejected("too\x00 late" + "!" * 300))

    (event,) = [event for event in events_of(user_id) if event.event == "factor.refused"]
    assert event.facts == {"factor": "totp", "reason": ("too late" + "!" * 300)[:200]}


@pytest.mark.parametrize("error", [ResponseRejected(), SlotsBusy()])
def test_a_response_that_names_no_account_counts_for_none(user_id: int, error: Exception) -> None:
    with pytest.raises((OtpInvalid, SlotsBusy)):
        attempt(None, error)

    assert counts_of(user_id) == (0, 0)
