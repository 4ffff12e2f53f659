"""POST /auth/login."""

import json

import pytest
from flask import Flask

from otp_service.core.services import services_of
from otp_service.simulator import Simulator
from tests.accounts.phones import UNREACHABLE
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person, code_on_phone, log_in, make_person
from tests.parallel import at_once


def failing_login(api: Api, email: str, password: str = "Wrong-Horse-7") -> tuple[int, dict[str, object]]:
    response = api.post("/auth/login", {"email": email, "password": password})
    body = dict(response.json or {})
    body.pop("requestId")
    return response.status_code, body


def test_a_right_password_earns_a_challenge_and_sends_a_code(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, phone_number="+14155552671")
    answer = log_in(api, person)
    assert answer.pop("challengeToken").startswith("ch_")
    assert answer == {
        "message": "Login successful. OTP sent for verification.",
        "userId": person.id,
        "requiresOtp": True,
        "expiresIn": 600,
        "methods": ["sms", "callout", "flashcall", "whatsapp"],
        "defaultMethod": "sms",
        "channel": "sms",
        "phoneNumber": "+1******2671",
    }
    assert len(sinch.inbox(person.phone_number)) == 1


def test_no_spelling_of_the_address_matters(app: Flask, api: Api) -> None:
    person = make_person(app)
    assert api.post("/auth/login", {"email": person.email.upper(), "password": PASSWORD}).status_code == 200


def test_wrong_password_and_unknown_address_answer_the_same_bytes(app: Flask, api: Api) -> None:
    person = make_person(app)
    wrong = failing_login(api, person.email)
    assert wrong == failing_login(api, "nobody@example.com")
    assert wrong[0] == 401
    assert wrong[1]["message"] == "Invalid email or password."


def test_a_user_locked_by_an_operator_looks_like_a_wrong_password(app: Flask, api: Api) -> None:
    from otp_service.accounts import users

    person = make_person(app)
    with app.app_context():
        users.lock(person.id)
    assert failing_login(api, person.email, PASSWORD) == failing_login(api, "nobody@example.com")


def test_login_succeeds_and_tells_when_no_code_could_be_sent(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    sinch.set_fault("status", "start", status_code=500, phase="before")
    answer = log_in(api, person)
    assert answer["message"] == "Login successful. Failed to send OTP automatically. Request manually."
    assert answer["otpError"] == "The message provider is unavailable. Try again in a moment."
    assert answer["requiresOtp"] is True


def test_a_second_login_within_the_cooldown_sends_no_second_code(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    log_in(api, person)
    answer = log_in(api, person)
    assert answer["otpError"] == "Wait 2 minutes before requesting another OTP."
    assert answer["otpErrorCode"] == "otp_cooldown"
    assert 1 <= answer["retryAfter"] <= 120
    assert len(sinch.inbox(person.phone_number)) == 1


def test_by_policy_enrolment_a_verified_person_needs_no_code(app: Flask, make_app: MakeApp) -> None:
    person = make_person(app, is_verified=True)
    answer = log_in(Api(make_app(MFA_POLICY="enrolment")), person)
    assert answer["message"] == "Login successful."
    assert answer["requiresOtp"] is False
    assert {"token", "tokenType", "expiresIn", "refreshToken", "sessionId"} <= set(answer)


def test_by_policy_enrolment_an_unverified_person_needs_a_code(app: Flask, make_app: MakeApp) -> None:
    assert log_in(Api(make_app(MFA_POLICY="enrolment")), make_person(app))["requiresOtp"] is True


@pytest.mark.parametrize("is_known", [True, False])
def test_after_five_failures_even_the_right_password_waits(app: Flask, api: Api, is_known: bool) -> None:
    email = make_person(app).email if is_known else "nobody@example.com"
    assert [failing_login(api, email)[0] for _ in range(5)] == [401] * 5
    status, body = failing_login(api, email, PASSWORD)
    assert (status, body["code"]) == (429, "account_locked")
    assert 1 <= int(str(body["retryAfter"])) <= 30


def test_the_wait_doubles_up_to_15_minutes_and_ends_by_itself(app: Flask, api: Api, time: Time) -> None:
    person = make_person(app)
    for _ in range(4):
        failing_login(api, person.email)
    for seconds in (30, 60, 120, 240, 480, 900, 900):
        assert failing_login(api, person.email)[0] == 401
        assert seconds - 5 <= int(str(failing_login(api, person.email)[1]["retryAfter"])) <= seconds
        time.advance(seconds)
    assert api.post("/auth/login", person.credentials).status_code == 200


def test_a_right_password_forgets_the_failures_before_it(app: Flask, api: Api) -> None:
    person = make_person(app)
    for _ in range(3):
        for _ in range(4):
            assert failing_login(api, person.email)[0] == 401
        log_in(api, person)


def test_of_50_parallel_guesses_five_are_evaluated(app: Flask, api: Api) -> None:
    person = make_person(app)
    statuses = at_once(50, lambda _: failing_login(api, person.email)[0])
    assert sorted(statuses) == [401] * 5 + [429] * 45


def test_a_lockout_voids_the_open_challenge(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    challenge = log_in(api, person)["challengeToken"]
    for _ in range(5):
        failing_login(api, person.email)
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 401


def test_an_imported_bcrypt_hash_is_upgraded_at_login(app: Flask, api: Api) -> None:
    import bcrypt
    from sqlalchemy import select, update

    from otp_service.accounts.models import User
    from otp_service.core.database.transactions import execute, fetch_one, transaction

    person = make_person(app)
    with app.app_context():
        old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        with transaction():
            execute(update(User).where(User.id == person.id).values(password_hash=old))
        log_in(api, person)
        row = fetch_one(select(User.password_hash).where(User.id == person.id))
    assert row is not None
    assert row.password_hash.startswith("$bcrypt-sha256$")


def test_when_too_many_hashes_wait_the_answer_is_503(app: Flask, make_app: MakeApp) -> None:
    person = make_person(app)
    busy = make_app(PASSWORD_HASH_CONCURRENCY="1", PASSWORD_HASH_QUEUE="0")
    with services_of(busy).hash_slots.hold():
        response = Api(busy).post("/auth/login", person.credentials)
    assert (response.status_code, response.json["code"]) == (503, "overloaded")
    assert int(response.headers["Retry-After"]) == response.json["retryAfter"] >= 1
    assert api_login_is_not_counted(busy, person)


@pytest.mark.parametrize("path", ["/auth/login", "/auth/login/number", "/auth/register"])
def test_when_too_many_hashes_wait_the_body_is_not_even_read(make_app: MakeApp, path: str) -> None:
    busy = make_app(PASSWORD_HASH_CONCURRENCY="1", PASSWORD_HASH_QUEUE="0")
    slots = services_of(busy).hash_slots
    with slots.hold(), slots.place():
        during = Api(busy).post(path, {"unknown": "field"})
    after = Api(busy).post(path, {"unknown": "field"})

    assert (during.status_code, during.json["code"]) == (503, "overloaded")
    assert (after.status_code, after.json["code"]) == (400, "validation_failed")


def api_login_is_not_counted(busy: Flask, person: Person) -> bool:
    statuses = [Api(busy).post("/auth/login", {**person.credentials, "password": "x"}).status_code for _ in range(5)]
    return statuses == [401] * 5


def test_a_fixed_line_is_offered_a_call_and_is_called(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, phone_number="+442079460000")

    answer = log_in(api, person)

    assert (answer["methods"], answer["defaultMethod"], answer["channel"]) == (["callout"], "callout", "callout")
    assert [message["channel"] for message in sinch.inbox(person.phone_number)] == ["callout"]
    body = {"challengeToken": answer["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 200


@pytest.mark.parametrize("number", UNREACHABLE)
@pytest.mark.one_database
def test_a_number_that_no_code_reaches_offers_no_method_and_says_why(
    app: Flask, api: Api, sinch: Simulator, number: str
) -> None:
    answer = log_in(api, make_person(app, phone_number=number))

    assert (answer["methods"], answer["otpErrorCode"]) == ([], "destination_not_allowed")
    assert UNREACHABLE[number] in answer["otpError"]
    assert sinch.calls == []


def test_a_login_answer_is_not_to_be_stored(app: Flask, api: Api) -> None:
    response = api.post("/auth/login", make_person(app).credentials)
    assert response.headers["Cache-Control"] == "no-store"
    assert json.loads(response.data)
