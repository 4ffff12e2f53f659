"""DELETE /account: the days in which a sign-in undoes it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from otp_service.accounts import users
from otp_service.core import clock
from otp_service.jobs import retention
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters
from tests.accounts.moving import flask_users
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person, code_on_phone, log_in, make_person, new_details, sign_in
from tests.factors.trusted_devices.test_sign_in import sign_in_and_remember
from tests.parallel import at_once

DAY, COOLDOWN = 86_400, 121


@pytest.fixture
def ada(app: Flask) -> Person:
    return make_person(app)


def delete(api: Api, token: str, password: Any = PASSWORD) -> Any:
    return api.send("DELETE", "/account", token=token, json={"password": password})


def exists(app: Flask, person: Person) -> bool:
    with app.app_context():
        return users.find_by_id(person.id) is not None


def forget(app: Flask) -> None:
    """Do what the worker does once a day."""
    with app.app_context():
        retention.run()


def templates(api: Api, person: Person) -> list[str]:
    return [letter["template"] for letter in letters(api, person.email)]


def test_the_account_is_erased_after_seven_days(
    app: Flask, api: Api, sinch: Simulator, ada: Person, time: Time
) -> None:
    tokens = sign_in(api, sinch, ada)

    response = delete(api, tokens["token"])

    assert (response.status_code, set(response.json)) == (202, {"message", "erasedAt"})
    left = datetime.fromisoformat(response.json["erasedAt"]) - clock.now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    assert templates(api, ada) == ["deletion_requested"]
    time.advance(7 * DAY - 3_600)
    forget(app)
    assert exists(app, ada)
    time.advance(3_601)
    forget(app)
    assert not exists(app, ada)
    assert templates(api, ada) == ["account_deleted"]


def test_every_session_ends_at_once(api: Api, sinch: Simulator, ada: Person, time: Time) -> None:
    other = sign_in(api, sinch, ada)
    time.advance(COOLDOWN)
    held = log_in(api, ada)["challengeToken"]
    time.advance(COOLDOWN)
    own = sign_in(api, sinch, ada)

    assert delete(api, own["token"]).status_code == 202

    for tokens in (own, other):
        assert api.get("/sessions", token=tokens["token"]).status_code == 401
        assert api.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).status_code == 401
    assert api.post("/auth/request-otp", {"challengeToken": held}).status_code == 401


def test_a_sign_in_undoes_it_and_says_so(app: Flask, api: Api, sinch: Simulator, ada: Person, time: Time) -> None:
    delete(api, sign_in(api, sinch, ada)["token"])
    time.advance(6 * DAY)

    first = sign_in(api, sinch, ada)
    time.advance(2 * DAY)
    forget(app)
    second = sign_in(api, sinch, ada)

    assert first["deletionCancelled"] is True
    assert "deletionCancelled" not in second
    assert exists(app, ada)
    assert templates(api, ada)[-2:] == ["deletion_cancelled", "deletion_requested"]
    events = [event["event"] for event in api.get("/account/events", token=second["token"]).json["events"]]
    assert {"user.deletion_requested", "user.deletion_cancelled"} <= set(events)


def test_the_password_alone_does_not_undo_it(make_app: MakeApp, sinch: Simulator, time: Time) -> None:
    app = make_app(MFA_POLICY="enrolment")
    api, ada = Api(app), make_person(app)
    token = sign_in(api, sinch, ada)["token"]
    assert api.post("/auth/login", ada.credentials).json["requiresOtp"] is False
    assert delete(api, token).status_code == 202
    time.advance(COOLDOWN)

    response = api.post("/auth/login", ada.credentials)

    assert (response.status_code, response.json["requiresOtp"]) == (200, True)
    body = {"challengeToken": response.json["challengeToken"], "otpCode": code_on_phone(sinch, ada)}
    assert api.post("/auth/verify-otp", body).json["deletionCancelled"] is True


def test_a_trusted_device_does_not_undo_it(api: Api, sinch: Simulator, ada: Person, time: Time) -> None:
    tokens = sign_in_and_remember(api, sinch, ada)
    delete(api, tokens["token"])
    time.advance(COOLDOWN)

    response = api.post("/auth/login", {**ada.credentials, "deviceToken": tokens["deviceToken"]})

    assert response.json["requiresOtp"] is True


@pytest.mark.parametrize("is_begun_before", [True, False])
def test_no_sign_in_succeeds_after_the_time_even_if_retention_is_late(
    app: Flask, api: Api, sinch: Simulator, ada: Person, time: Time, is_begun_before: bool
) -> None:
    delete(api, sign_in(api, sinch, ada)["token"])
    time.advance(7 * DAY - 60)
    challenge = log_in(api, ada)["challengeToken"]
    code = code_on_phone(sinch, ada)
    time.advance(61)

    if is_begun_before:
        response = api.post("/auth/verify-otp", {"challengeToken": challenge, "otpCode": code})
    else:
        response = api.post("/auth/login", ada.credentials)

    assert response.status_code == 401
    assert "token" not in response.json
    forget(app)
    assert not exists(app, ada)


def test_address_and_number_stay_held_until_the_erasure(
    app: Flask, api: Api, sinch: Simulator, ada: Person, time: Time
) -> None:
    delete(api, sign_in(api, sinch, ada)["token"])
    mine = new_details(email=ada.email, phoneNumber=ada.phone_number)
    assert api.post("/auth/register", new_details(email=ada.email)).status_code == 409
    assert api.post("/auth/register", new_details(phoneNumber=ada.phone_number)).status_code == 409
    time.advance(7 * DAY + 1)
    forget(app)

    assert api.post("/auth/register", mine).status_code == 201


def test_it_takes_a_fresh_sign_in(api: Api, sinch: Simulator, ada: Person, time: Time) -> None:
    tokens = sign_in(api, sinch, ada)
    time.advance(660)
    stale = api.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).json["token"]

    response = delete(api, stale)

    assert (response.status_code, response.json["code"]) == (403, "step_up_required")
    assert api.get("/profile", token=stale).status_code == 200


def test_a_session_of_a_trusted_device_does_not_delete(api: Api, sinch: Simulator, ada: Person, time: Time) -> None:
    device_token = sign_in_and_remember(api, sinch, ada)["deviceToken"]
    token = api.post("/auth/login", {**ada.credentials, "deviceToken": device_token}).json["token"]

    assert delete(api, token).json["code"] == "step_up_required"


def test_of_parallel_requests_one_is_accepted(api: Api, sinch: Simulator, ada: Person) -> None:
    token = sign_in(api, sinch, ada)["token"]

    answers = at_once(4, lambda _: delete(api, token).status_code)  # five would make the password wait

    assert sorted(answers) == [202] + [401] * 3
    assert templates(api, ada) == ["deletion_requested"]


def test_an_operator_erases_at_once_also_while_a_deletion_waits(
    app: Flask, api: Api, sinch: Simulator, ada: Person
) -> None:
    delete(api, sign_in(api, sinch, ada)["token"])
    assert "erase at" in flask_users(app, "show", ada.email).output

    assert flask_users(app, "delete", ada.email, "--yes").exit_code == 0

    assert not exists(app, ada)
