"""How much one account may hold: sessions, open sign-ins, and the messages that the password alone can order."""

import pytest
from flask import Flask

from otp_service.auth import unfinished
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, make_person, sign_in, wrong_code
from tests.recovery.resets import messages_to
from tests.strangers import HOME, From, attempt, complete, stranger

QUICK = {"OTP_COOLDOWN": "0"}
SENDS = {**QUICK, "OTP_SENDS_PER_NUMBER_HOUR": "5", "OTP_SENDS_PER_NUMBER_DAY": "10"}


def test_a_sign_in_beyond_the_cap_ends_the_session_that_was_used_least_recently(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(MAX_SESSIONS="3", **QUICK)
    api, person = Api(app), make_person(app)
    opened = []
    for _ in range(3):
        opened.append(sign_in(api, sinch, person))
        time.advance(10)
    api.post("/auth/refresh", {"refreshToken": opened[0]["refreshToken"]})
    time.advance(10)
    newest = sign_in(api, sinch, person)

    live = {one["id"] for one in api.get("/sessions", token=newest["token"]).json["sessions"]}
    assert live == {opened[0]["sessionId"], opened[2]["sessionId"], newest["sessionId"]}


def test_only_the_newest_sign_ins_wait_for_a_second_factor(make_app: MakeApp, sinch: Simulator, time: Time) -> None:
    app = make_app(MAX_OPEN_CHALLENGES="3", **QUICK)
    person = make_person(app, is_verified=True)
    tokens = []
    for _ in range(4):
        tokens.append(attempt(stranger(app), person).json["challengeToken"])
        time.advance(1)

    asked = [stranger(app).post("/auth/request-otp", {"challengeToken": token}).status_code for token in tokens]
    assert asked == [401, 200, 200, 200]


def test_a_thief_of_the_password_voids_no_sign_in_of_a_known_client(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(MAX_OPEN_CHALLENGES="3", **QUICK)
    person = make_person(app, is_verified=True)
    complete(From(app, HOME), sinch, person)
    challenge = attempt(From(app, HOME), person).json["challengeToken"]
    for number in range(5):
        time.advance(1)
        attempt(stranger(app, number), person)

    assert From(app, HOME).post("/auth/request-otp", {"challengeToken": challenge}).status_code == 200


def test_signing_out_everywhere_ends_trust_in_devices(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    begun = attempt(api, person).json
    body = {"challengeToken": begun["challengeToken"], "otpCode": code_on_phone(sinch, person), "rememberDevice": True}
    tokens = api.post("/auth/verify-otp", body).json
    assert attempt(api, person, deviceToken=tokens["deviceToken"]).json["requiresOtp"] is False

    assert api.post("/auth/logout-all", token=tokens["token"]).status_code == 204

    assert attempt(api, person, deviceToken=tokens["deviceToken"]).json["requiresOtp"] is True


def test_a_thief_of_the_password_leaves_the_owner_messages(make_app: MakeApp, sinch: Simulator, time: Time) -> None:
    app = make_app(**SENDS)
    person = make_person(app, is_verified=True)
    complete(From(app, HOME), sinch, person)
    for _ in range(4):
        time.advance(3_600)
        sent = [attempt(stranger(app, n), person).json.get("otpErrorCode", "sent") for n in range(5)]
    assert sent == ["otp_send_limit"] * 5

    assert "otpErrorCode" not in attempt(From(app, HOME), person).json


@pytest.fixture
def person(app: Flask) -> Person:
    return make_person(app, is_verified=True)


def test_the_owner_is_notified_once_a_day_of_a_right_password_with_a_wrong_code(
    app: Flask, person: Person, sinch: Simulator, time: Time
) -> None:
    for _ in range(2):
        begun = attempt(stranger(app), person).json
        wrong = wrong_code(code_on_phone(sinch, person))
        stranger(app).post("/auth/verify-otp", {"challengeToken": begun["challengeToken"], "otpCode": wrong})
        time.advance(121)

    assert messages_to(app, person.email).count("password_used") == 1


def test_the_owner_is_notified_of_a_sign_in_that_was_never_finished(
    app: Flask, person: Person, sinch: Simulator, time: Time
) -> None:
    complete(From(app, HOME), sinch, person)
    time.advance(200)
    attempt(From(app, HOME), person)
    with app.app_context():
        assert unfinished.notify_of_all() == 0
        time.advance(601)
        assert [unfinished.notify_of_all() for _ in range(2)] == [1, 0]

    assert messages_to(app, person.email).count("password_used") == 1


def test_a_sign_in_that_was_begun_again_and_finished_is_no_news(
    app: Flask, person: Person, sinch: Simulator, time: Time
) -> None:
    attempt(From(app, HOME), person)
    time.advance(121)
    complete(From(app, HOME), sinch, person)
    time.advance(601)

    with app.app_context():
        assert unfinished.notify_of_all() == 0
