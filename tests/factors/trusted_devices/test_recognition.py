"""A device's token: what it is good for, for whom, and until when."""

import pytest
from flask import Flask
from sqlalchemy import select, update

from otp_service.accounts import password_hashing, users
from otp_service.accounts.models import User
from otp_service.core import clock
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.factors import trusted_devices
from otp_service.factors.trusted_devices.devices import MOST_DEVICES
from otp_service.factors.trusted_devices.models import TrustedDevice
from otp_service.outbox import records
from tests.conftest import MakeApp, Time
from tests.factories import new_number
from tests.factors.trusted_devices.conftest import LAPTOP, Recognizes, Remember, recognizes_on, remember_on
from tests.sessions.conftest import SignedIn
from tests.trail import facts_of

DAY = 86_400


def test_a_remembered_device_is_recognized_again_and_again(
    alice: SignedIn, remember: Remember, recognizes: Recognizes
) -> None:
    token = remember(alice)
    assert token.startswith("dt_")
    assert recognizes(alice, token)
    assert recognizes(alice, token)


def test_an_unknown_token_is_not_recognized(alice: SignedIn, remember: Remember, recognizes: Recognizes) -> None:
    token = remember(alice)
    for other in ("", "dt_", "dt_unknown", token[:-1], f"{token}=", token.upper(), alice.token, alice.refresh_token):
        assert not recognizes(alice, other), other


def test_a_device_is_trusted_by_its_owner_alone(
    alice: SignedIn, bob: SignedIn, remember: Remember, recognizes: Recognizes
) -> None:
    token = remember(alice)
    assert not recognizes(bob, token)


def test_the_token_is_stored_nowhere(app: Flask, alice: SignedIn, remember: Remember) -> None:
    token = remember(alice)
    with app.app_context():
        row = fetch_all(select(TrustedDevice.__table__))[0]
    assert token not in str(row)
    assert token.removeprefix("dt_") not in str(row)


def test_trust_ends_after_thirty_days(time: Time, alice: SignedIn, remember: Remember, recognizes: Recognizes) -> None:
    token = remember(alice)
    time.advance(30 * DAY - 60)
    assert recognizes(alice, token)
    time.advance(61)
    assert not recognizes(alice, token), "a use must not prolong it"


def test_a_new_password_ends_trust(app: Flask, alice: SignedIn, remember: Remember, recognizes: Recognizes) -> None:
    token = remember(alice)
    with app.app_context(), transaction():
        users.set_password_hash(alice.person.id, password_hashing.hash_password("Another-Horse-8"), now=clock.now())
    assert not recognizes(alice, token)


def test_a_new_number_ends_trust(app: Flask, alice: SignedIn, remember: Remember, recognizes: Recognizes) -> None:
    token = remember(alice)
    with app.app_context(), transaction():
        execute(update(User).where(User.id == alice.person.id).values(phone_number=new_number()))
    assert not recognizes(alice, token)


def test_a_locked_account_has_no_trusted_device(
    app: Flask, alice: SignedIn, remember: Remember, recognizes: Recognizes
) -> None:
    token = remember(alice)
    with app.app_context():
        users.lock(alice.person.id)
    assert not recognizes(alice, token)


def test_all_trust_can_be_ended_with_the_act_that_ends_it(
    app: Flask, alice: SignedIn, bob: SignedIn, remember: Remember, recognizes: Recognizes
) -> None:
    tokens = [remember(alice), remember(alice)]
    kept = remember(bob)
    with app.app_context(), transaction():
        assert trusted_devices.end_all(alice.person.id, now=clock.now()) == 2
    assert not any(recognizes(alice, token) for token in tokens)
    assert recognizes(bob, kept)


def test_a_lower_setting_shortens_trust_that_was_given(
    make_app: MakeApp, time: Time, alice: SignedIn, remember: Remember
) -> None:
    token = remember(alice)
    stricter = make_app(TRUSTED_DEVICE_DAYS="7")
    time.advance(7 * DAY - 60)
    assert recognizes_on(stricter, alice, token)
    time.advance(61)
    assert not recognizes_on(stricter, alice, token)


@pytest.mark.parametrize("settings", [{"TRUSTED_DEVICE_DAYS": "0"}, {"SECURITY_PROFILE": "strict"}])
def test_switched_off_no_device_is_remembered_or_recognized(
    make_app: MakeApp, alice: SignedIn, remember: Remember, settings: dict[str, str]
) -> None:
    token = remember(alice)
    off = make_app(**settings)
    assert remember_on(off, alice) is None
    assert not recognizes_on(off, alice, token)


def test_the_strict_profile_may_be_overridden(make_app: MakeApp, alice: SignedIn) -> None:
    app = make_app(SECURITY_PROFILE="strict", TRUSTED_DEVICE_DAYS="1")
    token = remember_on(app, alice)
    assert token is not None
    assert recognizes_on(app, alice, token)


def test_the_owner_is_notified_of_a_new_trusted_device(app: Flask, alice: SignedIn, remember: Remember) -> None:
    remember(alice)
    with app.app_context():
        posted = [message.template for message in records.newest(limit=10)]
    assert "factor_added" in posted


def test_a_rolled_back_sign_in_leaves_no_trust(app: Flask, alice: SignedIn, recognizes: Recognizes) -> None:
    given = []

    def fail_after_remembering() -> None:
        with app.app_context(), transaction():
            given.append(trusted_devices.remember(alice.person.id, client=LAPTOP, now=clock.now()))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_remembering()
    assert not recognizes(alice, str(given[0]))


def test_of_many_devices_the_one_that_was_used_least_recently_ends(
    app: Flask, time: Time, alice: SignedIn, remember: Remember, recognizes: Recognizes
) -> None:
    tokens = []
    for _ in range(MOST_DEVICES):
        tokens.append(remember(alice))
        time.advance(1)
    assert recognizes(alice, tokens[0])  # used again: now the second one is the oldest
    time.advance(1)

    newest = remember(alice)

    assert not recognizes(alice, tokens[1])
    assert all(recognizes(alice, token) for token in (tokens[0], *tokens[2:], newest))
    assert facts_of(app, alice.person, "device.oldest_ended") == {"devices": 1}
