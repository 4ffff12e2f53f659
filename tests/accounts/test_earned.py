"""What was earned before a change of credentials is void after it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.accounts.email.letters import token_sent
from tests.accounts.phones import ask_for_number, code_at, confirm_number
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import PASSWORD, Person, code_on_phone, log_in, make_person, new_details, new_number, sign_in
from tests.factors.totp.authenticator import begin, confirm
from tests.recovery.resets import confirm as confirm_reset
from tests.recovery.resets import reset_code

CHANGED = "Changed-Horse-9"


@dataclass(frozen=True)
class Owner:
    """A signed-in user, and the way to act as that user or as the operator."""

    app: Flask
    api: Api
    sinch: Simulator
    person: Person
    token: str

    def code(self) -> str:
        """The newest code on the phone."""
        return code_on_phone(self.sinch, self.person)

    def change_password(self) -> str:
        """Set another password; return the new access token."""
        body = {"currentPassword": PASSWORD, "newPassword": CHANGED}
        return str(done(self.api.post("/account/password", body, token=self.token))["token"])

    def sign_out_everywhere(self) -> None:
        """End all sessions."""
        done(self.api.post("/auth/logout-all", token=self.token))

    def be_locked_for_a_moment(self) -> None:
        """Have an operator lock and unlock the account."""
        self.operate("users", "lock", self.person.email)
        self.operate("users", "unlock", self.person.email)

    def be_signed_out_by_the_operator(self) -> None:
        """Have an operator end all sessions."""
        self.operate("sessions", "revoke", "--user", self.person.email)

    def be_signed_out_with_all_users(self) -> None:
        """Have an operator end the sessions of all users."""
        self.operate("sessions", "revoke", "--all", "--yes")

    def set_password_by_link(self) -> None:
        """Use a link from the operator."""
        link = json.loads(self.operate("users", "set-password-link", self.person.email, "--json"))["token"]
        done(self.api.post("/auth/set-password", {"token": link, "newPassword": CHANGED}))

    def change_address(self) -> None:
        """Change to another address."""
        address = str(new_details()["email"])
        done(self.api.post("/account/email", {"email": address}, token=self.token))
        done(self.api.post("/auth/verify-email", {"token": token_sent(self.api, address)}, token=self.token))

    def lose_factors(self) -> None:
        """Have an operator remove all factors."""
        self.operate("users", "reset-mfa", self.person.email, "--yes")

    def operate(self, *arguments: str) -> str:
        """Run a command."""
        result = self.app.test_cli_runner().invoke(args=list(arguments))
        assert result.exit_code == 0, result.output
        return result.stdout


def done(response: Any) -> dict[str, Any]:
    assert response.status_code < 300, response.json
    return dict(response.json or {})


@pytest.fixture
def owner(make_app: MakeApp, sinch: Simulator) -> Owner:
    app = make_app(OTP_COOLDOWN="0")
    api, person = Api(app), make_person(app)
    return Owner(app, api, sinch, person, sign_in(api, sinch, person)["token"])


CHANGES = [
    Owner.change_password,
    Owner.sign_out_everywhere,
    Owner.be_locked_for_a_moment,
    Owner.be_signed_out_by_the_operator,
    Owner.be_signed_out_with_all_users,
    Owner.set_password_by_link,
    Owner.lose_factors,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_reset_code_on_its_way_is_void(owner: Owner, change: Callable[[Owner], object]) -> None:
    code = reset_code(owner.api, owner.sinch, owner.person)

    change(owner)

    refused = confirm_reset(owner.api, owner.person.email, code)
    assert (refused.status_code, refused.json["code"]) == (401, "otp_invalid")


def test_a_reset_code_for_the_old_address_is_void(owner: Owner) -> None:
    code = reset_code(owner.api, owner.sinch, owner.person)

    owner.change_address()

    assert confirm_reset(owner.api, owner.person.email, code).status_code == 401


@pytest.mark.parametrize("change", CHANGES)
def test_a_challenge_and_the_code_for_it_are_void(owner: Owner, change: Callable[[Owner], object]) -> None:
    challenge = log_in(owner.api, owner.person)["challengeToken"]
    code = code_on_phone(owner.sinch, owner.person)

    change(owner)

    body = {"challengeToken": challenge, "otpCode": code}
    assert owner.api.post("/auth/verify-otp", body).status_code == 401


def test_a_code_for_a_change_of_number_is_void_after_a_new_password(owner: Owner) -> None:
    number = new_number()
    done(ask_for_number(owner.api, owner.token, number))

    token = owner.change_password()

    assert confirm_number(owner.api, token, code_at(owner.sinch, number)).status_code == 401


def test_a_code_for_a_step_up_is_void_after_a_new_password(owner: Owner) -> None:
    done(owner.api.post("/auth/step-up/request", {}, token=owner.token))

    token = owner.change_password()

    body = {"method": "sms", "code": code_on_phone(owner.sinch, owner.person), "password": CHANGED}
    assert owner.api.post("/auth/step-up", body, token=token).status_code == 401


def test_an_enrolment_that_was_begun_before_a_new_password_cannot_be_confirmed(owner: Owner) -> None:
    phone_app = begin(owner.api, owner.token)

    token = owner.change_password()

    refused = confirm(owner.api, token, phone_app.code())
    assert (refused.status_code, refused.json["code"]) == (404, "factor_not_found")


@pytest.mark.parametrize("change", [Owner.sign_out_everywhere, Owner.be_locked_for_a_moment])
def test_a_pending_change_of_address_is_void(owner: Owner, change: Callable[[Owner], object]) -> None:
    address = str(new_details()["email"])
    done(owner.api.post("/account/email", {"email": address}, token=owner.token))

    change(owner)

    assert owner.api.post("/auth/verify-email", {"token": token_sent(owner.api, address)}).status_code == 401


@pytest.mark.parametrize("change", [Owner.sign_out_everywhere, Owner.be_locked_for_a_moment])
def test_an_operators_link_is_void(owner: Owner, change: Callable[[Owner], object]) -> None:
    link = json.loads(owner.operate("users", "set-password-link", owner.person.email, "--json"))["token"]

    change(owner)

    body = {"token": link, "newPassword": CHANGED}
    assert owner.api.post("/auth/set-password", body).status_code == 401


def test_an_operators_link_survives_the_operators_own_changes(owner: Owner) -> None:
    link = json.loads(owner.operate("users", "set-password-link", owner.person.email, "--json"))["token"]

    owner.operate("users", "set-phone", owner.person.email, new_number(), "--verified")
    owner.lose_factors()

    done(owner.api.post("/auth/set-password", {"token": link, "newPassword": CHANGED}))


def test_the_link_that_verifies_the_present_address_stays(owner: Owner) -> None:
    done(owner.api.post("/auth/verify-email/resend", token=owner.token))

    owner.sign_out_everywhere()

    done(owner.api.post("/auth/verify-email", {"token": token_sent(owner.api, owner.person.email)}))


def test_signing_all_users_out_ends_links_offers_and_trust_in_devices(owner: Owner) -> None:
    link = json.loads(owner.operate("users", "set-password-link", owner.person.email, "--json"))["token"]
    begun = begin(owner.api, owner.token)
    challenge = {"challengeToken": log_in(owner.api, owner.person)["challengeToken"], "rememberDevice": True}
    signed_in = done(owner.api.post("/auth/verify-otp", {**challenge, "otpCode": owner.code()}))

    owner.be_signed_out_with_all_users()

    assert owner.api.get("/profile", token=signed_in["token"]).status_code == 401
    refused = owner.api.post("/auth/set-password", {"token": link, "newPassword": CHANGED})
    assert (refused.status_code, refused.json["code"]) == (401, "invalid_token")
    with_device = {**owner.person.credentials, "deviceToken": signed_in["deviceToken"]}
    challenge = {"challengeToken": done(owner.api.post("/auth/login", with_device))["challengeToken"]}
    token = done(owner.api.post("/auth/verify-otp", {**challenge, "otpCode": owner.code()}))["token"]
    assert confirm(owner.api, token, begun.code()).json["code"] == "factor_not_found"
