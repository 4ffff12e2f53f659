"""A change of credentials gives the session a new id: access tokens from before are rejected at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.accounts.email.letters import token_sent
from tests.accounts.phones import ask_for_number, code_at, confirm_number
from tests.api import Answer, Api, is_refused
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person, code_on_phone, make_person, new_details, new_number, sign_in
from tests.factors.totp.authenticator import begin, sign_in_with
from tests.factors.webauthn.authenticator import Authenticator
from tests.parallel import at_once
from tests.sessions.forging import claims_of

NEW = "Another-Horse-8"


@dataclass(frozen=True)
class Owner:
    """A signed-in user; the thief has a copy of the access token, and a client of his own."""

    app: Flask
    api: Api
    thief: Api
    sinch: Simulator
    person: Person
    tokens: dict[str, Any]

    @property
    def token(self) -> str:
        """The stolen access token."""
        return str(self.tokens["token"])

    def change_password(self) -> Answer:
        """Set another password."""
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        return self.api.post("/account/password", body, token=self.token)

    def change_number(self) -> Answer:
        """Change to another number."""
        number = new_number()
        assert ask_for_number(self.api, self.token, number).status_code == 200
        return self.api.post("/account/phone/verify", {"otpCode": code_at(self.sinch, number)}, token=self.token)

    def change_address(self) -> Answer:
        """Change to another address."""
        address = str(new_details()["email"])
        assert self.api.post("/account/email", {"email": address}, token=self.token).status_code == 202
        return self.api.post("/auth/verify-email", {"token": token_sent(self.api, address)}, token=self.token)

    def add_app(self) -> Answer:
        """Add an authenticator app."""
        code = begin(self.api, self.token).code()
        return self.api.post("/factors/totp/confirm", {"code": code}, token=self.token)

    def add_passkey(self) -> Answer:
        """Add a passkey."""
        options = self.api.post("/factors/webauthn/options", token=self.token).json
        body = {"credential": Authenticator().create(options), "name": "Key"}
        return self.api.post("/factors/webauthn", body, token=self.token)

    def make_backup_codes(self) -> Answer:
        """Make new backup codes."""
        return self.api.post("/factors/backup-codes", token=self.token)

    def refreshed(self) -> str:
        """The access token after a refresh with the owner's refresh token."""
        response = self.api.post("/auth/refresh", {"refreshToken": self.tokens["refreshToken"]})
        assert response.status_code == 200, response.json
        return str(response.json["token"])


@pytest.fixture
def owner(make_app: MakeApp, sinch: Simulator) -> Owner:
    app = make_app(OTP_COOLDOWN="0")
    api, person = Api(app), make_person(app)
    return Owner(app, api, Api(app), sinch, person, sign_in(api, sinch, person))


CHANGES = [
    Owner.change_password,
    Owner.change_number,
    Owner.change_address,
    Owner.add_app,
    Owner.add_passkey,
    Owner.make_backup_codes,
]
KEEP_REFRESHING = [change for change in CHANGES if change is not Owner.change_password]
Change = Callable[[Owner], Answer]


@pytest.mark.parametrize("change", CHANGES)
def test_a_stolen_access_token_ends_with_the_change(owner: Owner, change: Change) -> None:
    assert change(owner).status_code in {200, 201}

    assert is_refused(owner.thief.get("/account/events", token=owner.token))
    assert is_refused(owner.thief.post("/factors/webauthn/options", token=owner.token))
    assert is_refused(owner.thief.post("/auth/step-up/request", {}, token=owner.token))


@pytest.mark.parametrize("change", CHANGES)
def test_the_response_carries_a_token_of_the_same_sign_in(owner: Owner, change: Change) -> None:
    before = claims_of(owner.token)

    body = change(owner).json

    after = claims_of(body["token"])
    assert body["sessionId"] == after["sid"] != before["sid"]
    assert (body["tokenType"], body["expiresIn"]) == ("Bearer", 900)
    assert (after["auth_time"], after["amr"], after["acr"]) == (before["auth_time"], before["amr"], before["acr"])
    assert owner.thief.get("/account/events", token=body["token"]).status_code == 200


@pytest.mark.parametrize("change", KEEP_REFRESHING)
def test_the_refresh_token_of_the_session_goes_on(owner: Owner, change: Change) -> None:
    session_id = change(owner).json["sessionId"]

    token = owner.refreshed()

    assert claims_of(token)["sid"] == session_id
    assert owner.thief.get("/account/events", token=token).status_code == 200


def test_a_removed_factor_ends_the_token_and_leaves_the_refresh_token(owner: Owner, time: Time) -> None:
    phone_app = begin(owner.api, owner.token)
    assert owner.api.post("/factors/totp/confirm", {"code": phone_app.code()}, token=owner.token).status_code == 200
    time.advance(60)
    signed_in = sign_in_with(owner.api, owner.person, phone_app.code()).json

    assert owner.thief.send("DELETE", "/factors/totp", token=signed_in["token"]).status_code == 204

    assert is_refused(owner.thief.get("/account/events", token=signed_in["token"]))
    refreshed = owner.thief.post("/auth/refresh", {"refreshToken": signed_in["refreshToken"]})
    assert owner.thief.get("/account/events", token=refreshed.json["token"]).status_code == 200


def test_a_new_factor_ends_the_access_tokens_of_the_other_sessions_and_not_the_sessions(owner: Owner) -> None:
    other = sign_in(owner.api, owner.sinch, owner.person)

    owner.add_app()

    assert is_refused(owner.thief.get("/account/events", token=other["token"]))
    refreshed = owner.thief.post("/auth/refresh", {"refreshToken": other["refreshToken"]})
    assert refreshed.status_code == 200
    assert owner.thief.get("/account/events", token=refreshed.json["token"]).status_code == 200


def test_a_number_that_the_operator_sets_ends_the_access_tokens_too(owner: Owner) -> None:
    arguments = ["users", "set-phone", owner.person.email, new_number(), "--verified"]

    assert owner.app.test_cli_runner().invoke(args=arguments).exit_code == 0

    assert is_refused(owner.thief.get("/account/events", token=owner.token))
    assert owner.thief.get("/account/events", token=owner.refreshed()).status_code == 200


def test_the_list_of_sessions_shows_one_session_with_its_new_id(owner: Owner) -> None:
    changed = owner.add_app().json

    listed = owner.thief.get("/sessions", token=changed["token"]).json["sessions"]

    assert [(session["id"], session["current"]) for session in listed] == [(changed["sessionId"], True)]


def test_a_code_for_a_step_up_ends_with_the_id(owner: Owner) -> None:
    assert owner.api.post("/auth/step-up/request", {}, token=owner.token).status_code == 200
    code = code_on_phone(owner.sinch, owner.person)
    token = owner.add_app().json["token"]

    body = {"method": "sms", "code": code, "password": PASSWORD}

    assert owner.thief.post("/auth/step-up", body, token=token).status_code == 401


def test_a_code_for_a_change_of_number_ends_with_the_id(owner: Owner) -> None:
    number = new_number()
    assert ask_for_number(owner.api, owner.token, number).status_code == 200

    token = owner.make_backup_codes().json["token"]

    assert confirm_number(owner.thief, token, code_at(owner.sinch, number)).status_code == 401


def test_options_for_a_passkey_end_with_the_id(owner: Owner) -> None:
    options = owner.api.post("/factors/webauthn/options", token=owner.token).json
    token = owner.make_backup_codes().json["token"]

    body = {"credential": Authenticator().create(options), "name": "Key"}

    assert owner.thief.post("/factors/webauthn", body, token=token).status_code == 401


def test_a_pending_change_of_address_stays_with_its_session(owner: Owner) -> None:
    address = str(new_details()["email"])
    assert owner.api.post("/account/email", {"email": address}, token=owner.token).status_code == 202
    token = owner.add_app().json["token"]

    changed = owner.thief.post("/auth/verify-email", {"token": token_sent(owner.api, address)}, token=token)

    assert changed.status_code == 200
    assert owner.thief.get("/profile", token=changed.json["token"]).json["user"]["email"] == address


def test_a_refresh_at_the_same_moment_loses_no_session(owner: Owner) -> None:
    tokens = owner.tokens

    def act(number: int) -> int:
        if number == 0:
            return owner.make_backup_codes().status_code
        return owner.thief.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).status_code

    statuses = at_once(2, act)

    assert statuses[1] == 200
    assert statuses[0] in {201, 401}


def test_an_ended_session_adds_no_factor_afterwards(owner: Owner, time: Time) -> None:
    code = begin(owner.api, owner.token).code()
    owner.thief.post("/auth/logout", token=owner.token)

    refused = owner.api.post("/factors/totp/confirm", {"code": code}, token=owner.token)

    assert is_refused(refused)
