"""What strangers type and ask for leaves the owner of an account a way to a new password (ADR 13, ADR 36)."""

import pytest
from flask import Flask

from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.factors import throttle
from otp_service.factors.phone.codes import BY_NAME
from otp_service.simulator import Simulator
from tests.api import Answer
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, make_person, wrong_code
from tests.recovery.resets import ask, confirm, reset_code
from tests.strangers import HOME, TRAIN, From, complete, stranger


@pytest.fixture
def person(app: Flask) -> Person:
    return make_person(app, is_verified=True)


def outcome(response: Answer) -> int | str:
    return str(response.json["code"]) if response.json else response.status_code


def test_the_code_works_where_it_was_asked_for_whatever_strangers_type(
    app: Flask, person: Person, sinch: Simulator
) -> None:
    train = From(app, TRAIN)
    code = reset_code(train, sinch, person)
    junk = [outcome(confirm(stranger(app, n), person.email, wrong_code(code, n))) for n in range(1, 21)]

    assert junk == ["otp_invalid"] * 20
    assert sinch.count("report") == 5
    assert outcome(confirm(train, person.email, code)) == 204


def test_ten_junk_codes_an_hour_do_not_close_the_way_back(
    app: Flask, person: Person, sinch: Simulator, time: Time
) -> None:
    for _ in range(3):
        for number in range(10):
            confirm(stranger(app, number), person.email, f"000{number}")
        time.advance(3_600)
    for number in range(10):
        confirm(stranger(app, number), person.email, f"000{number}")

    train = From(app, TRAIN)
    assert outcome(confirm(train, person.email, reset_code(train, sinch, person))) == 204


def test_a_hundred_wrong_codes_of_strangers_do_not_stop_the_messages(
    app: Flask, person: Person, sinch: Simulator
) -> None:
    with app.app_context(), transaction():
        for _ in range(100):
            throttle.take(person.id, BY_NAME, client=COMMAND_LINE, now=clock.now(), per_hour=1_000)

    train = From(app, TRAIN)
    assert outcome(confirm(train, person.email, reset_code(train, sinch, person))) == 204


@pytest.mark.parametrize("way", ["network", "token"])
def test_a_known_client_gets_a_code_when_strangers_used_their_share_up(
    make_app: MakeApp, sinch: Simulator, time: Time, way: str
) -> None:
    app = make_app(OTP_SENDS_PER_NUMBER_HOUR="5", OTP_SENDS_PER_NUMBER_DAY="10", OTP_COOLDOWN="0")
    person = make_person(app, is_verified=True)
    token = complete(From(app, HOME), sinch, person)["knownDeviceToken"]
    time.advance(3_600)
    for number in range(5):
        ask(stranger(app, number), person.email)
    sinch.clear_inbox()
    ask(From(app, TRAIN), person.email)
    assert sinch.inbox(person.phone_number) == []

    client, more = (From(app, HOME), {}) if way == "network" else (From(app, TRAIN), {"deviceToken": token})
    client.post("/auth/password-reset", {"email": person.email, **more})
    ask(stranger(app), "nobody@example.com")

    assert outcome(confirm(client, person.email, code_on_phone(sinch, person))) == 204
