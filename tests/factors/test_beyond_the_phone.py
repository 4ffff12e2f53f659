"""MFA_BEYOND_PHONE: a code on the phone lets people in to set another factor up, and no further."""

import jwt
import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import code_on_phone, log_in, make_person, sign_in
from tests.factors.totp.authenticator import enrol


@pytest.fixture
def strict(make_app: MakeApp) -> Api:
    """The service where the phone is not enough."""
    return Api(make_app(MFA_BEYOND_PHONE="true"))


def acr_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["acr"])


def test_a_code_on_the_phone_is_worth_one_factor(app: Flask, strict: Api, sinch: Simulator) -> None:
    answer = sign_in(strict, sinch, make_person(app))
    assert (acr_of(answer["token"]), answer["enrolmentRequired"]) == ("aal1", True)


def test_it_lets_people_set_another_factor_up(app: Flask, strict: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    authenticator, _ = enrol(strict, sign_in(strict, sinch, person)["token"])
    time.advance(120)
    answer = log_in(strict, person)
    assert answer["methods"] == ["totp", "backup_code"]
    assert answer["defaultMethod"] == "totp"
    assert sinch.count("start") == 1
    body = {"challengeToken": answer["challengeToken"], "code": authenticator.code()}
    signed_in = strict.post("/auth/mfa/totp", body).json
    assert acr_of(signed_in["token"]) == "aal2"
    assert "enrolmentRequired" not in signed_in


def test_with_another_factor_a_code_on_the_phone_is_rejected(
    app: Flask, api: Api, strict: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    enrol(strict, sign_in(strict, sinch, person)["token"])
    time.advance(120)
    challenge = log_in(api, person)["challengeToken"]  # of a worker that still has the setting off
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    refused = strict.post("/auth/verify-otp", body)
    assert (refused.status_code, refused.json["code"]) == (409, "method_not_enrolled")


def test_no_code_is_sent_that_would_be_rejected(app: Flask, strict: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    token = sign_in(strict, sinch, person)["token"]
    enrol(strict, token)
    time.advance(120)
    challenge = log_in(strict, person)["challengeToken"]
    refused = strict.post("/auth/request-otp", {"challengeToken": challenge})
    assert (refused.status_code, refused.json["code"]) == (409, "method_not_enrolled")
    assert strict.post("/auth/step-up/request", {}, token=token).status_code == 409
    assert sinch.count("start") == 1


def test_without_the_setting_the_phone_is_a_second_factor(app: Flask, api: Api, sinch: Simulator) -> None:
    answer = sign_in(api, sinch, make_person(app))
    assert acr_of(answer["token"]) == "aal2"
    assert "enrolmentRequired" not in answer
