"""POST /account/phone/undo: the link alone restores no number."""

import json
from typing import Any

import pytest
from flask import Flask

from otp_service.accounts import users
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters
from tests.accounts.phones import change_number, undo_token
from tests.api import Answer, Api
from tests.conftest import MakeApp
from tests.factories import PASSWORD, Person, make_person, new_number, sign_in
from tests.factors.totp.authenticator import AuthenticatorApp, enrol
from tests.parallel import at_once
from tests.trail import events_of

NEW = "Another-Horse-8"


class Moved:
    """Somebody who has moved to another number; the link that undoes this is in the mailbox."""

    def __init__(self, app: Flask, sinch: Simulator, *, with_factors: bool = False) -> None:
        self.app, self.api, self.sinch = app, Api(app), sinch
        self.person: Person = make_person(app)
        token = sign_in(self.api, sinch, self.person)["token"]
        self.phone_app: AuthenticatorApp
        self.backup_codes: list[str] = []
        if with_factors:
            self.phone_app, self.backup_codes = enrol(self.api, token)
            token = self.fresh_token()
        self.number = new_number()
        change_number(self.api, sinch, token, self.number)
        self.link = undo_token(self.api, self.person)

    def fresh_token(self) -> str:
        """Sign in with a backup code."""
        challenge = self.api.post("/auth/login", self.person.credentials).json["challengeToken"]
        body = {"challengeToken": challenge, "code": self.backup_codes.pop()}
        return str(self.api.post("/auth/mfa/backup-code", body).json["token"])

    def undo(self, **evidence: Any) -> Answer:
        """Use the link."""
        return self.api.post("/account/phone/undo", {"token": self.link, **evidence})

    def has_earlier_number(self) -> bool:
        """Whether the number from before is the account's."""
        with self.app.app_context():
            return users.get(self.person.id).phone_number == self.person.phone_number

    def show(self) -> dict[str, Any]:
        """What the operator sees."""
        result = self.app.test_cli_runner().invoke(args=["users", "show", self.person.email, "--json"])
        return dict(json.loads(result.stdout))


@pytest.fixture
def moved(make_app: MakeApp, sinch: Simulator) -> Moved:
    return Moved(make_app(OTP_COOLDOWN="0"), sinch)


@pytest.fixture
def careful(make_app: MakeApp, sinch: Simulator) -> Moved:
    return Moved(make_app(OTP_COOLDOWN="0"), sinch, with_factors=True)


def told(response: Answer) -> tuple[int, str]:
    return response.status_code, (response.json or {}).get("code", "")


def test_the_link_and_the_password_restore_the_number(moved: Moved) -> None:
    restored = moved.undo(password=PASSWORD)

    assert (restored.status_code, restored.json["frozen"]) == (200, False)
    assert moved.has_earlier_number()


def test_a_wrong_password_restores_no_number_and_leaves_the_link(moved: Moved) -> None:
    assert told(moved.undo(password=NEW)) == (401, "invalid_credentials")

    assert not moved.has_earlier_number()
    assert moved.undo(password=PASSWORD).status_code == 200


def test_wrong_passwords_make_the_next_one_wait(moved: Moved) -> None:
    guesses = [told(moved.undo(password=f"{NEW}{number}")) for number in range(6)]

    assert guesses[:5] == [(401, "invalid_credentials")] * 5
    assert guesses[5] == (429, "account_locked")
    assert not moved.has_earlier_number()


@pytest.mark.parametrize("method", ["totp", "backup_code"])
def test_the_link_and_another_factor_restore_the_number(careful: Moved, method: str) -> None:
    code = careful.phone_app.code(steps=1) if method == "totp" else careful.backup_codes[0]

    assert careful.undo(method=method, code=code).status_code == 200

    assert careful.has_earlier_number()


def test_a_wrong_code_restores_no_number_and_leaves_the_link(careful: Moved) -> None:
    assert told(careful.undo(method="totp", code=careful.phone_app.wrong_code())) == (401, "otp_invalid")

    assert not careful.has_earlier_number()
    assert careful.undo(password=PASSWORD).status_code == 200


@pytest.mark.parametrize("method", ["sms", "callout"])
def test_the_phone_is_no_proof(moved: Moved, method: str) -> None:
    assert told(moved.undo(method=method, code="1234")) == (409, "method_not_enrolled")

    assert not moved.has_earlier_number()


def test_the_methods_are_listed_for_the_holder_of_the_link(careful: Moved) -> None:
    offered = careful.api.post("/account/phone/undo/options", {"token": careful.link}).json

    assert offered == {"methods": ["totp", "backup_code"], "options": {}}
    assert careful.api.post("/account/phone/undo/options", {"token": "lk_unknown"}).status_code == 401


@pytest.mark.parametrize(
    "evidence",
    [{"code": "123456"}, {"method": "totp"}, {"method": "other", "code": "1"}, {"password": ""}],
)
@pytest.mark.one_database
def test_half_a_proof_is_malformed_and_freezes_no_account(moved: Moved, evidence: dict[str, Any]) -> None:
    assert told(moved.undo(**evidence)) == (400, "validation_failed")

    assert moved.show()["lockedAt"] is None


def test_the_link_alone_freezes_the_account(moved: Moved) -> None:
    token = sign_in(moved.api, moved.sinch, Person(moved.person.id, moved.person.email, moved.number))["token"]

    frozen = moved.undo()

    assert (frozen.status_code, frozen.json["frozen"]) == (202, True)
    assert "frozen" in frozen.json["message"]
    assert not moved.has_earlier_number()
    assert moved.api.get("/profile", token=token).status_code == 401
    assert told(moved.api.post("/auth/login", moved.person.credentials)) == (401, "invalid_credentials")
    assert len(letters(moved.api, moved.person.email, "account_frozen")) == 1
    assert "user.frozen" in events_of(moved.app, moved.person)


def test_the_operator_sees_why_and_ends_it(moved: Moved) -> None:
    moved.undo()
    assert moved.show()["lockReason"] == "undo_without_proof"

    assert moved.app.test_cli_runner().invoke(args=["users", "unlock", moved.person.email]).exit_code == 0

    assert (moved.show()["lockedAt"], moved.show()["lockReason"]) == (None, None)
    assert moved.api.post("/auth/login", moved.person.credentials).status_code == 200


def test_a_link_freezes_once(moved: Moved) -> None:
    moved.undo()
    moved.app.test_cli_runner().invoke(args=["users", "unlock", moved.person.email])

    assert told(moved.undo()) == (401, "invalid_token")
    assert told(moved.undo(password=PASSWORD)) == (401, "invalid_token")
    assert moved.api.post("/auth/login", moved.person.credentials).status_code == 200


def test_of_parallel_uses_one_freezes(moved: Moved) -> None:
    statuses = at_once(5, lambda _: moved.undo().status_code)

    assert sorted(statuses) == [202, 401, 401, 401, 401]
    assert events_of(moved.app, moved.person).count("user.frozen") == 1


def test_a_thief_with_the_earlier_phone_and_the_mailbox_gets_no_number(moved: Moved) -> None:
    challenge = moved.api.post("/auth/login", moved.person.credentials).json
    assert challenge["requiresOtp"]

    moved.undo()

    assert not moved.has_earlier_number()
    reset = moved.api.post("/auth/password-reset", {"email": moved.person.email})
    assert reset.status_code == 202
    assert moved.show()["phoneNumber"] == moved.number


def test_a_locked_account_takes_no_link(moved: Moved) -> None:
    moved.app.test_cli_runner().invoke(args=["users", "lock", moved.person.email])

    assert told(moved.undo()) == (401, "invalid_token")
    assert told(moved.undo(password=PASSWORD)) == (401, "invalid_token")
