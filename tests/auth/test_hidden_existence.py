"""With HIDE_ACCOUNT_EXISTENCE nobody learns from an answer who has an account."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, log_in, make_person, wrong_code
from tests.recovery.resets import finish, told

SENT = {
    "message": "If there is such an account, an OTP is on its way via sms.",
    "channel": "sms",
    "expiresIn": 300,
    "resendAfter": 120,
}
Names = Callable[[Person], dict[str, str]]
NOBODY = Person(0, "nobody@example.com", "+14155551998")
BY_NAME = pytest.mark.parametrize(
    "name", [lambda person: {"email": person.email}, lambda person: {"phoneNumber": person.phone_number}]
)


@pytest.fixture
def hiding(make_app: MakeApp) -> Api:
    """A client of a service that hides who has an account."""
    return Api(make_app(HIDE_ACCOUNT_EXISTENCE="true"))


def ask(api: Api, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
    answer = told(api.post("/auth/request-otp", body))
    finish(api.app)
    return answer


def verify(api: Api, body: dict[str, str], code: str) -> tuple[int, dict[str, Any]]:
    return told(api.post("/auth/verify-otp", {**body, "otpCode": code}))


@BY_NAME
def test_a_request_for_a_code_is_answered_alike_and_served_afterwards(
    app: Flask, hiding: Api, sinch: Simulator, name: Names
) -> None:
    person = make_person(app)
    assert ask(hiding, name(person)) == ask(hiding, name(NOBODY)) == (200, SENT)
    assert len(sinch.inbox(person.phone_number)) == 1
    assert sinch.count("start") == 1


@BY_NAME
def test_the_second_request_waits_for_everybody(app: Flask, hiding: Api, time: Time, name: Names) -> None:
    person = make_person(app)
    answers = [[ask(hiding, name(who)) for who in (person, NOBODY)] for _ in range(2)]
    assert answers[0] == [(200, SENT)] * 2
    for status, body in answers[1]:
        assert (status, body["code"]) == (429, "otp_cooldown")
        assert body["message"] == "Wait 2 minutes before requesting another OTP."
        assert 110 <= body["retryAfter"] <= 120
    time.advance(120)
    assert ask(hiding, name(person)) == ask(hiding, name(NOBODY)) == (200, SENT)


def test_another_identifier_sends_no_second_code(app: Flask, hiding: Api, sinch: Simulator) -> None:
    person = make_person(app)
    assert ask(hiding, {"email": person.email}) == ask(hiding, {"phoneNumber": person.phone_number}) == (200, SENT)
    assert sinch.count("start") == 1


def test_the_limits_of_an_hour_are_the_same_for_everybody(app: Flask, make_app: MakeApp) -> None:
    settings = {"HIDE_ACCOUNT_EXISTENCE": "true", "OTP_COOLDOWN": "0", "OTP_SENDS_PER_NUMBER_HOUR": "5"}
    hiding, person = Api(make_app(**settings)), make_person(app)
    for who in (person, NOBODY):
        statuses = [ask(hiding, {"email": who.email})[0] for _ in range(4)]
        assert statuses == [200] * 3 + [429]


def test_trouble_of_the_provider_does_not_show(app: Flask, hiding: Api, sinch: Simulator) -> None:
    person = make_person(app)
    sinch.set_fault("status", "start", status_code=500, phase="before")
    assert ask(hiding, {"email": person.email}) == (200, SENT)
    sinch.clear_faults()


def test_what_is_wrong_with_a_number_itself_is_told_whoever_has_it(app: Flask, hiding: Api) -> None:
    make_person(app, phone_number="+442079460000")
    for number in ("+442079460000", "+442079460001"):
        status, body = ask(hiding, {"phoneNumber": number})
        assert (status, body["code"]) == (422, "destination_not_allowed")


def test_the_holder_of_a_challenge_is_told_as_ever(app: Flask, hiding: Api, time: Time) -> None:
    person = make_person(app, phone_number="+14155552671")
    challenge = log_in(hiding, person)["challengeToken"]
    assert hiding.post("/auth/request-otp", {"challengeToken": challenge}).json["code"] == "otp_cooldown"
    time.advance(120)
    answer = hiding.post("/auth/request-otp", {"challengeToken": challenge})
    assert answer.json["message"] == "OTP sent via sms to +1******2671."
    assert hiding.post("/auth/request-otp", {"challengeToken": "ch_nonsense"}).status_code == 401


@BY_NAME
def test_a_right_code_verifies_the_phone(app: Flask, hiding: Api, sinch: Simulator, name: Names) -> None:
    person = make_person(app)
    ask(hiding, name(person))
    status, body = verify(hiding, name(person), code_on_phone(sinch, person))
    assert (status, body["userId"]) == (200, person.id)


@BY_NAME
def test_wrong_codes_are_answered_alike_until_they_are_too_many(
    app: Flask, hiding: Api, sinch: Simulator, name: Names
) -> None:
    person, idle = make_person(app), make_person(app)
    ask(hiding, name(person))
    code = code_on_phone(sinch, person)
    answers = [
        [verify(hiding, name(who), wrong_code(code, number)) for number in range(1, 8)]
        for who in (person, idle, NOBODY)
    ]
    for _, body in (answer for tries in answers for answer in tries[5:]):
        assert 1 <= body.pop("retryAfter") <= 300
    assert answers[0] == answers[1] == answers[2]
    assert [status for status, _ in answers[0]] == [401] * 5 + [429] * 2
    assert answers[0][0][1]["message"] == "Invalid or expired OTP code."


def test_a_code_that_is_used_up_by_another_name_looks_like_a_wrong_one(
    app: Flask, hiding: Api, sinch: Simulator
) -> None:
    person = make_person(app)
    ask(hiding, {"email": person.email})
    code = code_on_phone(sinch, person)
    for number in range(1, 6):
        verify(hiding, {"email": person.email}, wrong_code(code, number))
    by_number = verify(hiding, {"phoneNumber": person.phone_number}, code)
    assert by_number == verify(hiding, {"phoneNumber": NOBODY.phone_number}, code)
    assert by_number[0] == 401


def test_a_new_code_opens_the_tries_anew(app: Flask, hiding: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    body = {"email": person.email}
    ask(hiding, body)
    for number in range(1, 7):
        verify(hiding, body, wrong_code(code_on_phone(sinch, person), number))
    time.advance(120)
    ask(hiding, body)
    assert verify(hiding, body, code_on_phone(sinch, person))[0] == 200


def test_when_the_provider_is_away_no_try_is_spent(app: Flask, hiding: Api, sinch: Simulator) -> None:
    person = make_person(app)
    ask(hiding, {"email": person.email})
    code = code_on_phone(sinch, person)
    sinch.set_fault("status", "report", status_code=429, phase="before")
    assert [verify(hiding, {"email": person.email}, code)[0] for _ in range(7)] == [503] * 7
    sinch.clear_faults()
    assert verify(hiding, {"email": person.email}, code)[0] == 200


def test_an_account_that_an_operator_locked_looks_like_none(app: Flask, hiding: Api, sinch: Simulator) -> None:
    from otp_service.accounts import users

    person = make_person(app, is_verified=True)
    with app.app_context():
        users.lock(person.id)
    assert ask(hiding, {"email": person.email}) == (200, SENT)
    assert verify(hiding, {"email": person.email}, "1234") == verify(hiding, {"email": NOBODY.email}, "1234")
    assert sinch.calls == []


def slow(make_app: MakeApp, **settings: str) -> Flask:
    """An application that takes its time as a deployed one does, only less of it."""
    app = make_app(HIDE_ACCOUNT_EXISTENCE="true", **settings)
    config = app.config["SETTINGS"]
    app.config["SETTINGS"] = replace(config, existence=replace(config.existence, answer_seconds=0.06))
    return app
