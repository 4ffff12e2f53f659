"""GET /factors, and which method comes first at a sign-in."""

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import Time
from tests.factories import code_on_phone, log_in, make_person, sign_in
from tests.parallel import at_once


def test_a_person_sees_the_verified_phone_masked(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    token = sign_in(api, sinch, person)["token"]
    answer = api.get("/factors", token=token).json
    (phone,) = answer["factors"]
    assert (phone["type"], phone["phoneNumber"]) == ("phone", f"+1******{person.phone_number[-4:]}")
    assert answer["defaultMethod"] == "sms"


def test_a_sign_in_uses_the_chosen_channel(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    token = sign_in(api, sinch, person)["token"]
    assert api.send("PUT", "/factors/default", json={"method": "callout"}, token=token).status_code == 204
    time.advance(120)
    answer = log_in(api, person)
    assert (answer["channel"], answer["defaultMethod"]) == ("callout", "callout")
    assert sinch.inbox(person.phone_number)[0]["channel"] == "callout"
    body = {"challengeToken": answer["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 200


@pytest.mark.parametrize("method", ["pigeon", "", None, 7])
def test_what_is_no_method_is_400(app: Flask, api: Api, sinch: Simulator, method: object) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    assert api.send("PUT", "/factors/default", json={"method": method}, token=token).status_code == 400


def test_backup_codes_cannot_be_the_default_and_the_reason_is_said(app: Flask, api: Api, sinch: Simulator) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    without_codes = api.send("PUT", "/factors/default", json={"method": "backup_code"}, token=token)
    api.post("/factors/backup-codes", token=token)

    with_codes = api.send("PUT", "/factors/default", json={"method": "backup_code"}, token=token)

    for answer in (without_codes, with_codes):
        assert (answer.status_code, answer.json["code"]) == (409, "method_is_for_emergencies")
        assert "cannot be the default" in answer.json["message"]


def test_of_parallel_choices_one_stays(app: Flask, api: Api, sinch: Simulator) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]

    def choose(number: int) -> int:
        method = ("sms", "callout")[number % 2]
        return api.send("PUT", "/factors/default", json={"method": method}, token=token).status_code

    assert set(at_once(10, choose)) == {204}
    assert api.get("/factors", token=token).json["defaultMethod"] in {"sms", "callout"}
