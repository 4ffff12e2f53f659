"""Why a person got no code, and what codes cost: `flask users show`, `flask otp show`, `flask stats`."""

import json
from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.codes import request_code
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, make_person


def printed(app: Flask, *arguments: str) -> Any:
    result = app.test_cli_runner().invoke(args=[*arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def codes_of(app: Flask, person: Person) -> list[dict[str, Any]]:
    codes: list[dict[str, Any]] = printed(app, "users", "show", person.email)["codes"]
    return codes


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "status", "status_code": 422}, "DestinationDenied 42201: "),
        ({"kind": "status", "status_code": 402}, "NoCredit 40200: "),
        ({"kind": "denied"}, "DestinationDenied 40300: Identity is blacklisted."),
        ({"kind": "status", "status_code": 503}, "OutcomeUnknown 50300: no usable response from Sinch"),
    ],
    ids=lambda value: value["kind"] + str(value.get("status_code", "")) if isinstance(value, dict) else "",
)
def test_a_code_that_was_not_sent_says_why(
    app: Flask, api: Api, sinch: Simulator, fault: dict[str, Any], reason: str
) -> None:
    person = make_person(app)
    sinch.set_fault(operation="start", **fault)

    request_code(api, person)

    (code,) = codes_of(app, person)
    assert code["failure"].startswith(reason)
    assert person.phone_number not in code["failure"]
    assert printed(app, "otp", "show", code["id"])["failure"] == code["failure"]
    table = app.test_cli_runner().invoke(args=["users", "show", person.email]).stdout
    assert code["failure"] in table


def test_each_channel_that_failed_keeps_its_own_reason(make_app: MakeApp, sinch: Simulator) -> None:
    app = make_app(OTP_FALLBACK_CHANNELS="callout")
    person = make_person(app)
    sinch.set_fault("status", "start", status_code=422, times=1)

    request_code(Api(app), person)

    found = {code["channel"]: (code["state"], code["failure"] is None) for code in codes_of(app, person)}
    assert found == {"sms": ("undelivered", False), "callout": ("sent", True)}


def test_a_code_that_arrived_has_no_reason(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)

    request_code(api, person)

    assert [code["failure"] for code in codes_of(app, person)] == [None]
    assert code_on_phone(sinch, person)


def test_the_days_are_counted_with_what_they_cost(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    ada, ben, cid = (make_person(app) for _ in range(3))
    for person in (ada, ben):
        assert request_code(api, person).status_code == 200
    body = {"email": ada.email, "otpCode": code_on_phone(sinch, ada)}
    assert api.post("/auth/verify-otp", body).status_code == 200
    sinch.set_fault("status", "start", status_code=422)
    request_code(api, cid)
    time.advance(400)
    assert app.test_cli_runner().invoke(args=["otp", "sweep"]).exit_code == 0

    days = printed(app, "stats", "--days", "2")

    total = {name: sum(day[name] for day in days) for name in ("sent", "verified", "undelivered", "withoutPrice")}
    assert len(days) == 2
    assert total == {"sent": 2, "verified": 1, "undelivered": 1, "withoutPrice": 0}
    assert [currency for day in days for currency in day["cost"]] == ["EUR"]
    assert "CONVERSION" in app.test_cli_runner().invoke(args=["stats"]).stdout
