"""POST /auth/password-reset/confirm."""

from typing import Any

import pytest
from flask import Flask

from otp_service.accounts import users
from otp_service.core.services import services_of
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, log_in, make_person, sign_in, wrong_code
from tests.parallel import ROUNDS, at_once
from tests.recovery.resets import NEW, can_sign_in, confirm, messages_to, reset_code, told
from tests.trail import events_of

INVALID = (401, "otp_invalid")


def answer(response: Any) -> tuple[int, str]:
    return response.status_code, (response.json or {}).get("code", "")


def test_the_code_sets_the_password_and_signs_nobody_in(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app, is_verified=True)
    response = confirm(api, person.email, reset_code(api, sinch, person))
    assert (response.status_code, response.data) == (204, b"")
    assert not can_sign_in(api, person.email, PASSWORD)
    assert can_sign_in(api, person.email, NEW)
    assert "password.reset" in events_of(app, person)
    assert messages_to(app, person.email) == ["recovery"]


def test_a_code_resets_once(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    code = reset_code(api, sinch, person)
    assert confirm(api, person.email, code).status_code == 204
    assert answer(confirm(api, person.email, code, "Yet-Another-9")) == INVALID
    assert can_sign_in(api, person.email, NEW)


def test_all_sessions_end_and_open_challenges_are_void(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app, is_verified=True)
    tokens = sign_in(api, sinch, person)
    time.advance(120)
    code = reset_code(api, sinch, person)
    challenge = log_in(api, person)["challengeToken"]
    assert confirm(api, person.email, code).status_code == 204
    assert api.get("/profile", token=tokens["token"]).status_code == 401
    assert api.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).status_code == 401
    assert api.post("/auth/request-otp", {"challengeToken": challenge}).status_code == 401


def test_the_wait_after_wrong_passwords_ends(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    for _ in range(5):
        assert not can_sign_in(api, person.email, "Wrong-Horse-7")
    assert confirm(api, person.email, reset_code(api, sinch, person)).status_code == 204
    assert can_sign_in(api, person.email, NEW)


def test_a_refused_code_is_the_same_bytes_for_everybody(app: Flask, api: Api, sinch: Simulator) -> None:
    person, other, locked = (make_person(app, is_verified=True) for _ in range(3))
    code = reset_code(api, sinch, person)
    locked_code = reset_code(api, sinch, locked)
    with app.app_context():
        users.lock(locked.id)
    answers = [
        told(confirm(api, person.email, wrong_code(code))),
        told(confirm(api, other.email, code)),
        told(confirm(api, locked.email, locked_code)),
        told(confirm(api, make_person(app).email, code)),
        told(confirm(api, "nobody@example.com", code)),
    ]
    assert answers == [answers[0]] * 5
    assert answers[0][0] == 401
    assert answers[0][1]["message"] == "Invalid or expired OTP code."


def test_after_five_wrong_codes_nobody_is_told_whether_there_is_an_account(
    app: Flask, api: Api, sinch: Simulator
) -> None:
    person = make_person(app, is_verified=True)
    code = reset_code(api, sinch, person)
    known = [told(confirm(api, person.email, wrong_code(code, number))) for number in range(1, 8)]
    unknown = [told(confirm(api, "nobody@example.com", wrong_code(code, number))) for number in range(1, 8)]
    for _, body in [*known[5:], *unknown[5:]]:
        assert 1 <= body.pop("retryAfter") <= 300
    assert known == unknown
    assert [(status, body["code"]) for status, body in known] == [INVALID] * 5 + [(429, "too_many_attempts")] * 2
    assert answer(confirm(api, person.email, code)) == (429, "too_many_attempts")
    assert sinch.count("report") == 5


def test_a_new_code_opens_the_tries_anew_but_not_the_hours_count(
    app: Flask, make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    api, person = Api(make_app(OTP_COOLDOWN="0")), make_person(app, is_verified=True)
    for _ in range(2):
        code = reset_code(api, sinch, person)
        tries = [answer(confirm(api, person.email, wrong_code(code, number))) for number in range(1, 6)]
        assert tries == [INVALID] * 5
    assert answer(confirm(api, person.email, reset_code(api, sinch, person))) == (429, "too_many_attempts")
    time.advance(3_600)
    assert confirm(api, person.email, reset_code(api, sinch, person)).status_code == 204


def test_a_code_that_came_too_late_is_refused(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app, is_verified=True)
    code = reset_code(api, sinch, person)
    time.advance(301)
    assert answer(confirm(api, person.email, code)) == INVALID


def test_a_code_for_something_else_resets_nothing(app: Flask, api: Api, sinch: Simulator) -> None:
    from tests.factories import code_on_phone

    person = make_person(app, is_verified=True)
    log_in(api, person)
    assert answer(confirm(api, person.email, code_on_phone(sinch, person))) == INVALID
    assert sinch.count("report") == 0


@pytest.mark.parametrize("password", ["weak", "Password123", "alllowercase7", "x" * 5_000])
@pytest.mark.one_database
def test_a_weak_password_is_refused_before_the_code_is_tried(
    app: Flask, api: Api, sinch: Simulator, password: str
) -> None:
    person = make_person(app, is_verified=True)
    code = reset_code(api, sinch, person)
    response = confirm(api, person.email, code, password)
    assert (response.status_code, response.json["errors"][0]["field"]) == (400, "newPassword")
    assert sinch.count("report") == 0
    assert confirm(api, person.email, code).status_code == 204


def test_the_own_address_is_refused_before_and_the_own_number_after_the_proof(
    app: Flask, make_app: MakeApp, sinch: Simulator
) -> None:
    api, person = Api(make_app(PASSWORD_CHARACTER_CLASSES="false")), make_person(app, is_verified=True)
    code = reset_code(api, sinch, person)
    assert answer(confirm(api, person.email, code, person.email)) == (400, "validation_failed")
    assert sinch.count("report") == 0
    assert answer(confirm(api, person.email, wrong_code(code), person.phone_number)) == INVALID
    response = confirm(api, person.email, code, person.phone_number)
    fault = {"field": "newPassword", "message": "Password must not be your phone number."}
    assert (response.status_code, response.json["errors"]) == (400, [fault])
    assert confirm(api, person.email, code).status_code == 204


def test_when_too_many_hashes_wait_the_code_stays_good(app: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    busy = make_app(PASSWORD_HASH_CONCURRENCY="1", PASSWORD_HASH_QUEUE="0")
    api, person = Api(busy), make_person(app, is_verified=True)
    code = reset_code(api, sinch, person)
    with services_of(busy).hash_slots.hold():
        assert answer(confirm(api, person.email, code)) == (503, "overloaded")
    assert confirm(api, person.email, code).status_code == 204


def test_when_the_provider_is_away_no_try_is_spent(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    code = reset_code(api, sinch, person)
    sinch.set_fault("status", "report", status_code=429, phase="before")
    for number in range(1, 8):
        assert answer(confirm(api, person.email, wrong_code(code, number))) == (503, "provider_unavailable")
    sinch.clear_faults()
    assert confirm(api, person.email, code).status_code == 204


@pytest.mark.race
def test_of_20_parallel_right_codes_one_resets(app: Flask, api: Api, sinch: Simulator) -> None:
    for _ in range(ROUNDS):
        person = make_person(app, is_verified=True)
        code = reset_code(api, sinch, person)
        passwords = [f"{NEW}{number}" for number in range(20)]
        act = lambda number, p=person, c=code, w=passwords: confirm(api, p.email, c, w[number]).status_code  # noqa: E731
        statuses = at_once(20, act)
        assert statuses.count(204) == 1
        assert set(statuses) <= {204, 401, 429, 503}
        assert can_sign_in(api, person.email, passwords[statuses.index(204)])
        assert events_of(app, person).count("password.reset") == 1


@pytest.mark.race
def test_of_50_parallel_wrong_codes_at_most_five_reach_the_provider(app: Flask, api: Api, sinch: Simulator) -> None:
    for _ in range(ROUNDS):
        person = make_person(app, is_verified=True)
        code = reset_code(api, sinch, person)
        already = sinch.count("report")
        act = lambda number, p=person, c=code: answer(confirm(api, p.email, wrong_code(c, number + 1)))  # noqa: E731
        answers = at_once(50, act)
        assert sinch.count("report") - already <= 5
        assert {status for status, _ in answers} <= {401, 429, 503}


def test_a_number_that_is_proven_no_more_recovers_nothing(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    code = reset_code(api, sinch, person)
    with app.app_context():
        users.unverify_by_operator(person.id)
    assert answer(confirm(api, person.email, code)) == INVALID
    assert can_sign_in(api, person.email, PASSWORD)


@pytest.mark.parametrize("code", ["", None, True, [], 1234, "12a4", "１２３４", "123"])
@pytest.mark.one_database
def test_what_is_no_code_is_400(app: Flask, api: Api, sinch: Simulator, code: Any) -> None:
    response = confirm(api, "nobody@example.com", code)
    assert (response.status_code, response.json["errors"][0]["field"]) == (400, "otpCode")


@pytest.mark.parametrize(
    "second", ["sms", [], {"code": "1"}, {"method": 7}, {"method": "sms"}, {"method": "sms", "code": "1", "pin": 1}]
)
@pytest.mark.one_database
def test_a_second_factor_has_a_shape(api: Api, second: Any) -> None:
    response = confirm(api, "nobody@example.com", "1234", secondFactor=second)
    assert response.status_code == 400
    assert response.json["errors"][0]["field"].startswith("secondFactor")


def test_who_has_no_second_factor_needs_none(app: Flask, api: Api, sinch: Simulator) -> None:
    """The code on the phone is not its own second factor, so naming the phone as one neither helps nor harms."""
    person = make_person(app, is_verified=True)
    code = reset_code(api, sinch, person)
    assert confirm(api, person.email, code, secondFactor={"method": "sms", "code": code}).status_code == 204
