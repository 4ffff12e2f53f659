"""A new device becomes known by an e-mail, where strangers make unknown ones wait (ADR 36)."""

import pytest
from flask import Flask

from otp_service import outbox
from otp_service.accounts import known_clients, users
from otp_service.core import clock
from tests.api import Answer
from tests.conftest import Time, finish
from tests.factories import Person, make_person
from tests.recovery.resets import messages_to
from tests.strangers import OFFICE, TRAIN, From, attempt, guess, stranger


@pytest.fixture
def person(app: Flask) -> Person:
    return make_person(app, is_verified=True)


@pytest.fixture
def besieged(app: Flask, person: Person) -> Person:
    """A person at whose account strangers guess."""
    assert guess(stranger(app), person, 6).status_code == 429
    return person


def ask(client: From, email: str) -> Answer:
    response = client.post("/auth/known-device/request", {"email": email})
    finish(client.app)
    return response


def token_sent(app: Flask, person: Person) -> str:
    """The token in the newest e-mail."""
    with app.app_context():
        sent = [one for one in outbox.read(limit=10) if one.message.to == person.email]
    lines = sent[0].message.text.splitlines()
    return next(line for line in lines if line.startswith("kp_"))


def test_the_token_of_the_email_lets_a_new_device_in(app: Flask, besieged: Person) -> None:
    train = From(app, TRAIN)
    assert attempt(train, besieged).status_code == 429
    assert ask(train, besieged.email).status_code == 202

    known = train.post("/auth/known-device", {"token": token_sent(app, besieged)})

    assert known.status_code == 200
    assert "token" not in known.json
    assert attempt(train, besieged).status_code == 200
    assert attempt(From(app, OFFICE), besieged, deviceToken=known.json["knownDeviceToken"]).status_code == 200
    assert attempt(From(app, OFFICE), besieged).status_code == 429


def test_strangers_who_ask_leave_a_token_in_the_mailbox_that_works(app: Flask, besieged: Person, time: Time) -> None:
    for number in range(20):
        ask(stranger(app, number), besieged.email)
        time.advance(3_600)

    assert messages_to(app, besieged.email).count("known_device") == 6
    guess(stranger(app), besieged, 1)
    train = From(app, TRAIN)
    assert train.post("/auth/known-device", {"token": token_sent(app, besieged)}).status_code == 200
    assert attempt(train, besieged).status_code == 200


def test_an_unknown_address_gets_the_same_response_and_no_message(app: Flask, person: Person) -> None:
    known, unknown = (ask(From(app, TRAIN), email) for email in (person.email, "nobody@example.com"))

    assert (known.status_code, known.json) == (unknown.status_code, unknown.json)
    assert messages_to(app, "nobody@example.com") == []


def test_a_locked_account_gets_no_message(app: Flask, person: Person) -> None:
    with app.app_context():
        users.lock(person.id)

    ask(From(app, TRAIN), person.email)

    assert "known_device" not in messages_to(app, person.email)


@pytest.mark.parametrize("kind", ["kd", "dt"])
def test_tokens_of_devices_are_none_of_an_email(app: Flask, person: Person, kind: str) -> None:
    with app.app_context():
        token = known_clients.issue(person.id, kind=kind, now=clock.now())

    response = From(app, TRAIN).post("/auth/known-device", {"token": token})
    assert (response.status_code, response.json["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("token", ["kp_", "kp_x", "x", "kp_" + "A" * 75, "kp_" + "é" * 40])
def test_other_texts_are_no_token(app: Flask, token: str) -> None:
    assert From(app, TRAIN).post("/auth/known-device", {"token": token}).status_code == 401


def test_the_token_of_an_email_works_for_a_day(app: Flask, person: Person, time: Time) -> None:
    ask(From(app, TRAIN), person.email)
    token = token_sent(app, person)

    time.advance(24 * 3_600)
    assert From(app, TRAIN).post("/auth/known-device", {"token": token}).status_code == 401
