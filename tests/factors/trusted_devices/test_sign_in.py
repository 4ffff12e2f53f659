"""A trusted device skips the second step, and a session that it starts is worth one factor."""

from typing import Any

import jwt
import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, log_in, make_person, new_details


def sign_in_and_remember(api: Api, sinch: Simulator, person: Person, **changes: Any) -> dict[str, Any]:
    challenge = log_in(api, person)["challengeToken"]
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person), "rememberDevice": True, **changes}
    response = api.post("/auth/verify-otp", body)
    assert response.status_code == 200, response.json
    return dict(response.json or {})


def log_in_on(api: Api, person: Person, device_token: str) -> dict[str, Any]:
    response = api.post("/auth/login", {**person.credentials, "deviceToken": device_token})
    assert response.status_code == 200, response.json
    return dict(response.json or {})


def test_a_trusted_device_needs_no_code(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    device_token = sign_in_and_remember(api, sinch, person)["deviceToken"]
    answer = log_in_on(api, person, device_token)
    assert (answer["message"], answer["requiresOtp"]) == ("Login successful.", False)
    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert (claims["amr"], claims["acr"]) == (["pwd"], "aal1")
    assert api.get("/profile", token=answer["token"]).status_code == 200
    assert sinch.count("start") == 1


def test_a_device_token_is_issued_on_request_only(app: Flask, api: Api, sinch: Simulator) -> None:
    assert "deviceToken" not in sign_in_and_remember(api, sinch, make_person(app), rememberDevice=False)


def test_a_device_token_without_the_password_is_worth_nothing(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    device_token = sign_in_and_remember(api, sinch, person)["deviceToken"]
    body = {"email": person.email, "password": "Wrong-Horse-7", "deviceToken": device_token}
    assert api.post("/auth/login", body).status_code == 401


def test_another_persons_device_token_leads_to_the_second_step(app: Flask, api: Api, sinch: Simulator) -> None:
    device_token = sign_in_and_remember(api, sinch, make_person(app))["deviceToken"]
    assert log_in_on(api, make_person(app), device_token)["requiresOtp"] is True


@pytest.mark.parametrize("wrong", ["dt_nobodys", "x"])
def test_an_unknown_device_token_leads_to_the_second_step(app: Flask, api: Api, wrong: str) -> None:
    assert log_in_on(api, make_person(app), wrong)["requiresOtp"] is True


def test_after_thirty_days_a_code_is_due_again(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    device_token = sign_in_and_remember(api, sinch, person)["deviceToken"]
    time.advance(30 * 86_400 + 1)
    assert log_in_on(api, person, device_token)["requiresOtp"] is True


def test_in_the_strict_profile_no_device_is_trusted(app: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    strict = Api(make_app(SECURITY_PROFILE="strict", OTP_SUPPLY_CODE="false"))
    assert "deviceToken" not in sign_in_and_remember(strict, sinch, make_person(app))


@pytest.mark.parametrize("remember", ["yes", 1, "true"])
def test_remember_device_is_true_or_false(api: Api, remember: object) -> None:
    body = {"email": new_details()["email"], "otpCode": "1234", "rememberDevice": remember}
    response = api.post("/auth/verify-otp", body)
    assert (response.status_code, response.json["errors"][0]["field"]) == (400, "rememberDevice")
