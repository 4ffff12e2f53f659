"""A reset by the phone alone: it works, and the phone is no second factor for some time afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from flask import Flask

from otp_service.accounts import earlier_addresses
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters, token_sent
from tests.api import Answer, Api
from tests.conftest import MakeApp, Time, finish
from tests.factories import Person, code_on_phone, make_person, new_details
from tests.recovery.resets import NEW, confirm, reset_code
from tests.trail import events_of

HOURS_71, HOURS_72 = 71 * 3_600, 72 * 3_600
OTHER = "Yet-Another-9"
HELD = (403, "recovery_hold")


@dataclass(frozen=True)
class Thief:
    """Somebody who took over a number, and what that gives."""

    app: Flask
    api: Api
    sinch: Simulator
    person: Person

    def reset(self, password: str = NEW) -> Answer:
        """Set another password with the phone alone."""
        return confirm(self.api, self.person.email, reset_code(self.api, self.sinch, self.person), password)

    def sign_in(self, password: str = NEW, **more: Any) -> dict[str, Any]:
        """Sign in with the new password, and with the phone where a second step is due."""
        opened = self.api.post("/auth/login", {"email": self.person.email, "password": password}).json
        if opened["requiresOtp"]:
            code = code_on_phone(self.sinch, self.person)
            body = {"challengeToken": opened["challengeToken"], "otpCode": code, **more}
            opened = self.api.post("/auth/verify-otp", body).json
        return dict(opened)

    def step_up(self, token: str) -> dict[str, Any]:
        """Sign in again within the session, by the phone."""
        assert self.api.post("/auth/step-up/request", {}, token=token).status_code == 200
        body = {"method": "sms", "code": code_on_phone(self.sinch, self.person), "password": NEW}
        return dict(self.api.post("/auth/step-up", body, token=token).json)


def told(response: Answer) -> tuple[int, str]:
    return response.status_code, (response.json or {}).get("code", "")


def level_of(api: Api, token: str) -> str:
    (session,) = api.get("/sessions", token=token).json["sessions"]
    return str(session["acr"])


@pytest.fixture
def thief(make_app: MakeApp, sinch: Simulator) -> Thief:
    app = make_app(OTP_COOLDOWN="0")
    return Thief(app, Api(app), sinch, make_person(app, is_verified=True))


@pytest.fixture
def thief_under_enrolment(make_app: MakeApp, sinch: Simulator) -> Thief:
    app = make_app(OTP_COOLDOWN="0", MFA_POLICY="enrolment")
    return Thief(app, Api(app), sinch, make_person(app, is_verified=True))


def act(method: str, path: str, body: Any = None) -> Callable[[Api, str], Answer]:
    return lambda api, token: api.send(method, path, json=body, token=token)


PROTECTED = {
    "enrol an app": act("POST", "/factors/totp"),
    "confirm an app": act("POST", "/factors/totp/confirm", {"code": "123456"}),
    "remove an app": act("DELETE", "/factors/totp"),
    "get options for a passkey": act("POST", "/factors/webauthn/options"),
    "make backup codes": act("POST", "/factors/backup-codes"),
    "choose the default": act("PUT", "/factors/default", {"method": "callout"}),
    "change the number": act("POST", "/account/phone", {"phoneNumber": "+14155559876"}),
    "verify a number": act("POST", "/account/phone/verify", {"otpCode": "1234"}),
    "change the address": act("POST", "/account/email", {"email": "thief@example.com"}),
    "delete the account": act("DELETE", "/account", {"password": NEW}),
}


def test_the_reset_works_and_two_steps_by_the_phone_are_one_factor(thief: Thief) -> None:
    assert thief.reset().status_code == 204

    opened = thief.sign_in()

    assert level_of(thief.api, opened["token"]) == "aal1"
    assert datetime.fromisoformat(opened["recoveryHoldUntil"]) > clock.now()
    assert thief.api.get("/profile", token=opened["token"]).status_code == 200


@pytest.mark.one_database
def test_a_step_up_by_the_phone_stays_at_one_factor(thief: Thief) -> None:
    thief.reset()
    token = thief.sign_in()["token"]

    assert thief.step_up(token)["acr"] == "aal1"


@pytest.mark.parametrize("name", PROTECTED)
@pytest.mark.one_database
def test_nothing_that_protects_the_account_changes(thief: Thief, name: str) -> None:
    thief.reset()
    stepped_up = thief.step_up(thief.sign_in()["token"])["token"]

    response = PROTECTED[name](thief.api, stepped_up)

    assert told(response) == HELD
    assert response.json["retryAfter"] == pytest.approx(HOURS_72, abs=60)
    assert response.headers["Retry-After"] == str(response.json["retryAfter"])
    assert f"{datetime.fromisoformat(response.json['until']):%Y-%m-%d %H:%M} UTC" in response.json["message"]


@pytest.mark.parametrize("name", PROTECTED)
@pytest.mark.one_database
def test_nothing_changes_under_enrolment_either(thief_under_enrolment: Thief, name: str) -> None:
    thief = thief_under_enrolment
    thief.reset()

    assert told(PROTECTED[name](thief.api, thief.sign_in()["token"])) == HELD


def test_no_device_becomes_trusted(thief: Thief) -> None:
    thief.reset()

    opened = thief.sign_in(rememberDevice=True)

    assert "deviceToken" not in opened
    assert thief.api.get("/devices", token=opened["token"]).json == {"devices": []}


@pytest.mark.one_database
def test_a_refresh_leads_out_no_more_than_a_step_up(thief: Thief) -> None:
    thief.reset()
    refreshed = thief.api.post("/auth/refresh", {"refreshToken": thief.sign_in()["refreshToken"]}).json

    assert told(PROTECTED["change the number"](thief.api, refreshed["token"])) == HELD


@pytest.mark.one_database
def test_the_password_may_be_changed_and_the_hold_stays(thief: Thief) -> None:
    thief.reset()
    body = {"currentPassword": NEW, "newPassword": OTHER}

    changed = thief.api.post("/account/password", body, token=thief.sign_in()["token"])

    assert changed.status_code == 200
    assert told(PROTECTED["enrol an app"](thief.api, changed.json["token"])) == HELD


def test_another_reset_by_the_phone_begins_the_time_again(thief: Thief, time: Time) -> None:
    thief.reset()
    time.advance(HOURS_71)
    thief.reset(OTHER)

    time.advance(HOURS_71)

    assert told(PROTECTED["enrol an app"](thief.api, thief.sign_in(OTHER)["token"])) == HELD


def test_after_72_hours_the_phone_is_a_second_factor_again(thief: Thief, time: Time) -> None:
    thief.reset()
    early = thief.sign_in()
    time.advance(HOURS_72)

    late = thief.sign_in()

    assert "recoveryHoldUntil" not in late
    assert PROTECTED["enrol an app"](thief.api, late["token"]).status_code == 200
    refreshed = thief.api.post("/auth/refresh", {"refreshToken": early["refreshToken"]}).json["token"]
    assert told(PROTECTED["enrol an app"](thief.api, refreshed)) == (403, "step_up_required")


def test_an_operator_ends_the_time(thief: Thief) -> None:
    thief.reset()

    assert thief.app.test_cli_runner().invoke(args=["users", "unlock", thief.person.email]).exit_code == 0

    assert PROTECTED["enrol an app"](thief.api, thief.sign_in()["token"]).status_code == 200
    assert "user.unlocked_by_operator" in events_of(thief.app, thief.person)


@pytest.mark.one_database
def test_a_password_by_the_operators_link_ends_the_time(thief: Thief) -> None:
    thief.reset()
    link = thief.app.test_cli_runner().invoke(args=["users", "set-password-link", thief.person.email]).stdout
    token = link.strip().rpartition("token: ")[2].splitlines()[0].rpartition("#token=")[2]

    assert thief.api.post("/auth/set-password", {"token": token, "newPassword": OTHER}).status_code == 204

    assert level_of(thief.api, thief.sign_in(OTHER)["token"]) == "aal2"


@pytest.mark.one_database
def test_the_setting_decides_how_long_it_lasts(make_app: MakeApp, sinch: Simulator, time: Time) -> None:
    app = make_app(OTP_COOLDOWN="0", RECOVERY_HOLD="2h")
    thief = Thief(app, Api(app), sinch, make_person(app, is_verified=True))
    thief.reset()
    time.advance(7_201)

    assert level_of(thief.api, thief.sign_in()["token"]) == "aal2"


def test_every_stored_address_is_notified(thief: Thief) -> None:
    earlier = str(new_details()["email"])
    with thief.app.app_context(), transaction():
        earlier_addresses.record(thief.person.id, earlier, now=clock.now())
    pending = str(new_details()["email"])
    body = {"email": thief.person.email, "password": thief.person.password}
    challenge = thief.api.post("/auth/login", body).json["challengeToken"]
    verified = {"challengeToken": challenge, "otpCode": code_on_phone(thief.sinch, thief.person)}
    token = thief.api.post("/auth/verify-otp", verified).json["token"]
    assert thief.api.post("/account/email", {"email": pending}, token=token).status_code == 202

    assert thief.reset().status_code == 204

    for address in (thief.person.email, earlier, pending):
        (letter,) = letters(thief.api, address, "recovery")
        assert "72 hours" in letter["text"]


@pytest.mark.one_database
def test_a_replaced_address_is_still_notified(thief: Thief) -> None:
    new = str(new_details()["email"])
    challenge = thief.api.post("/auth/login", thief.person.credentials).json["challengeToken"]
    verified = {"challengeToken": challenge, "otpCode": code_on_phone(thief.sinch, thief.person)}
    token = thief.api.post("/auth/verify-otp", verified).json["token"]
    thief.api.post("/account/email", {"email": new}, token=token)
    link = {"token": token_sent(thief.api, new)}
    assert thief.api.post("/auth/verify-email", link, token=token).status_code == 200
    reset = thief.api.post("/auth/password-reset", {"email": new})
    assert reset.status_code == 202
    finish(thief.app)
    code = letters(thief.api, new, "recovery_code")[0]["text"]
    second = {"method": "email", "code": next(word for word in code.split() if len(word) == 8 and word.isupper())}

    response = confirm(thief.api, new, code_on_phone(thief.sinch, thief.person), secondFactor=second)

    assert response.status_code == 204
    assert len(letters(thief.api, thief.person.email, "recovery")) == 1
