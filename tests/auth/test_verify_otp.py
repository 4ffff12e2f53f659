"""POST /auth/verify-otp."""

from typing import Any

import jwt
import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.codes import new_code, verify
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, log_in, make_person, sign_in, wrong_code
from tests.parallel import at_once, race


def test_challenge_and_code_together_give_tokens(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    answer = sign_in(api, sinch, person)
    assert answer["message"] == "Phone number verified successfully. Access granted."
    assert (answer["userId"], answer["tokenType"], answer["expiresIn"]) == (person.id, "Bearer", 900)
    assert set(answer) == {
        "message", "userId", "token", "tokenType", "expiresIn", "refreshToken", "sessionId", "knownDeviceToken",
        "verified", "signedIn",
    }  # fmt: skip


def test_the_response_says_whether_the_caller_is_signed_in(app: Flask, api: Api, sinch: Simulator) -> None:
    with_challenge = sign_in(api, sinch, make_person(app))
    person = make_person(app)

    by_name = api.post("/auth/verify-otp", {"email": person.email, "otpCode": new_code(api, sinch, person)}).json

    assert (with_challenge["verified"], with_challenge["signedIn"]) == (True, True)
    assert (by_name["verified"], by_name["signedIn"]) == (True, False)
    assert by_name["message"] == "Phone number verified successfully. Access granted."
    assert "token" not in by_name


def test_the_access_token_says_who_how_and_how_long(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    answer = sign_in(api, sinch, person)
    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert claims["sub"] == str(person.id)
    assert (claims["typ"], claims["amr"], claims["acr"]) == ("access", ["pwd", "sms"], "aal2")
    assert claims["sid"] == answer["sessionId"]
    assert claims["exp"] - claims["iat"] == 900
    assert claims["isVerified"] is True
    assert {"iss", "aud", "jti", "nbf", "auth_time"} <= set(claims)
    assert not {"email", "phone", "phoneNumber"} & set(claims)


@pytest.mark.parametrize("sender", ["login", "request-otp"])
def test_with_an_address_alone_the_phone_is_verified_without_tokens(
    app: Flask, api: Api, sinch: Simulator, sender: str
) -> None:
    person = make_person(app)
    if sender == "login":
        log_in(api, person)
    else:
        new_code(api, sinch, person)
    response = api.post(
        "/auth/verify-otp", {"phoneNumber": person.phone_number, "otpCode": code_on_phone(sinch, person)}
    )
    assert response.status_code == 200
    assert response.json["message"] == "Phone number verified successfully. Access granted."
    assert response.json["userId"] == person.id
    assert not {"token", "refreshToken", "sessionId", "deviceToken"} & set(response.json)


def test_a_code_works_only_once(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    code = new_code(api, sinch, person)
    assert verify(api, person, code) == (200, "")
    assert verify(api, person, code) == (401, "otp_invalid")


def test_a_challenge_works_only_once(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    challenge = log_in(api, person)["challengeToken"]
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 200
    assert api.post("/auth/verify-otp", body).json["message"] == "Invalid or expired token."


def test_a_challenge_dies_after_ten_minutes(app: Flask, api: Api, time: Time) -> None:
    challenge = log_in(api, make_person(app))["challengeToken"]
    time.advance(600)
    response = api.post("/auth/request-otp", {"challengeToken": challenge})
    assert (response.status_code, response.json["code"]) == (401, "invalid_token")


def test_a_code_sent_for_one_challenge_does_not_meet_another(app: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(make_app(OTP_COOLDOWN="0")), make_person(app)
    first, second = log_in(api, person), log_in(api, person)
    body = {"challengeToken": first["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 401
    assert api.post("/auth/verify-otp", {**body, "challengeToken": second["challengeToken"]}).status_code == 200


def test_a_challenge_opens_no_other_route(app: Flask, api: Api) -> None:
    challenge = log_in(api, make_person(app))["challengeToken"]
    assert api.get("/profile", token=challenge).status_code == 401
    assert api.post("/auth/refresh", {"refreshToken": challenge}).status_code == 401


def test_an_expired_code_is_refused(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    code = new_code(api, sinch, person)
    time.advance(301)
    assert verify(api, person, code) == (401, "otp_invalid")


def test_a_code_works_until_its_last_second(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    code = new_code(api, sinch, person)
    time.advance(290)
    assert verify(api, person, code) == (200, "")


def test_five_wrong_codes_kill_a_code(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    code = new_code(api, sinch, person)
    answers = [verify(api, person, wrong_code(code, number)) for number in range(1, 6)]
    assert answers == [(401, "otp_invalid")] * 5
    assert verify(api, person, code) == (429, "too_many_attempts")


def test_the_same_wrong_code_counts_each_time_and_reaches_the_provider_once(
    app: Flask, api: Api, sinch: Simulator
) -> None:
    person = make_person(app)
    wrong = wrong_code(new_code(api, sinch, person))
    assert [verify(api, person, wrong)[0] for _ in range(6)] == [401] * 5 + [429]
    assert sinch.count("report") == 1


def test_a_new_code_does_not_reset_the_accounts_count(
    app: Flask, make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    api, person = Api(make_app(OTP_COOLDOWN="0")), make_person(app)
    for _ in range(3):
        code = new_code(api, sinch, person)
        for number in range(1, 6):
            assert verify(api, person, wrong_code(code, number)) == (401, "otp_invalid")
    code = new_code(api, sinch, person)
    assert verify(api, person, code) == (429, "too_many_attempts")
    time.advance(3_600)
    assert verify(api, person, new_code(api, sinch, person)) == (200, "")


@race
def test_of_50_parallel_right_codes_one_wins(app: Flask, api: Api, sinch: Simulator, round_number: int) -> None:
    person = make_person(app)
    body = {"challengeToken": log_in(api, person)["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    statuses = at_once(50, lambda _: api.post("/auth/verify-otp", body).status_code)
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 429, 503}
    assert sessions_of(app, person) == 1


@race
def test_of_50_parallel_wrong_codes_at_most_five_reach_the_provider(
    app: Flask, api: Api, sinch: Simulator, round_number: int
) -> None:
    person = make_person(app)
    code = new_code(api, sinch, person)
    answers = at_once(50, lambda number: verify(api, person, wrong_code(code, number + 1))[0])
    assert sinch.count("report") <= 5
    assert set(answers) <= {401, 429, 503}
    assert attempts_of(app, person) == sinch.count("report")


def sessions_of(app: Flask, person: Person) -> int:
    from sqlalchemy import func, select

    from otp_service.core.database.transactions import fetch_all
    from otp_service.sessions.models import Session

    with app.app_context():
        return int(fetch_all(select(func.count()).where(Session.user_id == person.id))[0][0])


def attempts_of(app: Flask, person: Person) -> int:
    from sqlalchemy import select

    from otp_service.core.database.transactions import fetch_all
    from otp_service.verifications import owner_of_user
    from otp_service.verifications.models import Verification

    with app.app_context():
        return sum(
            row.attempts
            for row in fetch_all(select(Verification.attempts).where(Verification.owner == owner_of_user(person.id)))
        )


@pytest.mark.parametrize(
    "code", ["", None, True, [], 1234, "12a4", "１２３４", "123", "1234567", " 123", "12-34", "+12345"]
)
@pytest.mark.one_database
def test_what_is_no_code_is_400_and_reaches_no_provider(app: Flask, api: Api, sinch: Simulator, code: Any) -> None:
    person = make_person(app)
    new_code(api, sinch, person)
    response = api.post("/auth/verify-otp", {"email": person.email, "otpCode": code})
    assert (response.status_code, response.json["errors"][0]["field"]) == (400, "otpCode")
    assert sinch.count("report") == 0


def test_an_unknown_person_is_404(api: Api) -> None:
    response = api.post("/auth/verify-otp", {"email": "nobody@example.com", "otpCode": "1234"})
    assert (response.status_code, response.json["message"]) == (404, "User not found.")


def test_without_a_live_code_every_code_is_wrong(app: Flask, api: Api) -> None:
    assert verify(api, make_person(app), "1234") == (401, "otp_invalid")


@pytest.mark.parametrize("kind", ["reset", "garbage", "half_body"])
def test_a_right_code_whose_verdict_got_lost_is_granted(app: Flask, api: Api, sinch: Simulator, kind: str) -> None:
    person = make_person(app)
    code = new_code(api, sinch, person)
    sinch.set_fault(kind, "report", times=1, phase="after")
    assert verify(api, person, code) == (200, "")


def test_a_right_code_is_granted_on_the_next_try_when_the_provider_was_away(
    app: Flask, api: Api, sinch: Simulator
) -> None:
    person = make_person(app)
    code = new_code(api, sinch, person)
    sinch.set_fault("reset", "any", phase="after")
    assert [verify(api, person, code)[0] for _ in range(4)] == [503] * 4
    sinch.clear_faults()
    assert verify(api, person, wrong_code(code)) == (401, "otp_invalid")
    assert verify(api, person, code) == (200, "")
    assert verify(api, person, code) == (401, "otp_invalid")


def test_a_code_that_the_provider_never_saw_costs_no_attempt(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    code = new_code(api, sinch, person)
    sinch.set_fault("status", "report", status_code=429, phase="before")
    for number in range(1, 8):
        assert verify(api, person, wrong_code(code, number)) == (503, "provider_unavailable")
    sinch.clear_faults()
    assert verify(api, person, code) == (200, "")


def test_a_verified_phone_is_remembered(app: Flask, api: Api, sinch: Simulator) -> None:
    from otp_service.accounts import users

    person = make_person(app)
    verify(api, person, new_code(api, sinch, person))
    with app.app_context():
        assert users.get(person.id).is_verified
