"""The code by e-mail is the second channel of an account with a verified address and no strong factor."""

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.accounts import email_addresses
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.core.database.transactions import fetch_one, transaction
from otp_service.core.errors import ServiceError
from otp_service.recovery import email_codes
from otp_service.recovery.models import RecoveryCode
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters
from tests.api import Answer, Api
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person, code_on_phone, make_person, sign_in, wrong_code
from tests.factors.totp.authenticator import AuthenticatorApp, enrol
from tests.parallel import at_once
from tests.recovery.resets import NEW, can_sign_in, confirm, reset_code, verify_address

HOURS_73 = 73 * 3_600
WRONG = "BBBBBBBB"
INVALID = (401, "otp_invalid")


@dataclass(frozen=True)
class Owner:
    """Somebody with a verified address, who forgot the password."""

    app: Flask
    api: Api
    sinch: Simulator
    person: Person

    def ask(self) -> tuple[str, str]:
        """Ask for a reset; the code on the phone and the code in the mailbox."""
        return reset_code(self.api, self.sinch, self.person), self.mailed()

    def mailed(self) -> str:
        """The code of the newest e-mail."""
        found = re.search(r"^([B-Z]{8})$", letters(self.api, self.person.email, "recovery_code")[0]["text"], re.M)
        assert found is not None
        return found[1]

    def confirm(self, on_phone: str, by_mail: str | None, **more: Any) -> Answer:
        """Set the password with both codes."""
        second = {"secondFactor": {"method": "email", "code": by_mail}} if by_mail is not None else {}
        return confirm(self.api, self.person.email, on_phone, **{**second, **more})


def told(response: Answer) -> tuple[int, str]:
    return response.status_code, (response.json or {}).get("code", "")


@pytest.fixture
def owner(make_app: MakeApp, sinch: Simulator) -> Owner:
    app = make_app(OTP_COOLDOWN="0")
    person = make_person(app, is_verified=True)
    verify_address(app, person)
    return Owner(app, Api(app), sinch, person)


def test_the_phone_alone_is_not_enough_and_its_code_stays_valid(owner: Owner) -> None:
    on_phone, by_mail = owner.ask()

    refused = owner.confirm(on_phone, None)

    assert told(refused) == (403, "second_factor_required")
    assert (refused.json["methods"], refused.json["recentFactors"]) == (["email"], [])
    assert owner.confirm(on_phone, by_mail).status_code == 204
    assert can_sign_in(owner.api, owner.person.email, NEW)
    assert not can_sign_in(owner.api, owner.person.email, PASSWORD)


def test_after_both_codes_the_phone_is_a_second_factor(owner: Owner) -> None:
    assert owner.confirm(*owner.ask()).status_code == 204

    token = sign_in(owner.api, owner.sinch, replace(owner.person, password=NEW))["token"]

    assert owner.api.post("/factors/totp", token=token).status_code == 200


def test_the_code_is_read_as_people_type_it(owner: Owner) -> None:
    on_phone, by_mail = owner.ask()

    assert owner.confirm(on_phone, f" {by_mail[:4].lower()}-{by_mail[4:]} ").status_code == 204


def test_the_mail_alone_is_not_enough(owner: Owner) -> None:
    on_phone, by_mail = owner.ask()

    assert told(owner.confirm(wrong_code(on_phone), by_mail)) == INVALID
    assert can_sign_in(owner.api, owner.person.email, PASSWORD)


def test_a_code_takes_five_tries(owner: Owner) -> None:
    on_phone, by_mail = owner.ask()

    tries = [told(owner.confirm(on_phone, WRONG)) for _ in range(6)]

    assert tries == [INVALID] * 5 + [(429, "too_many_attempts")]
    assert told(owner.confirm(on_phone, by_mail)) == (429, "too_many_attempts")


def test_of_20_parallel_guesses_five_are_compared(owner: Owner) -> None:
    owner.ask()
    with owner.app.app_context():
        row = fetch_one(select(RecoveryCode.verification_id).where(RecoveryCode.user_id == owner.person.id))

    def guess(_: int) -> str:
        assert row is not None
        with owner.app.app_context():
            try:
                email_codes.verify(owner.person.id, WRONG, verification_id=row.verification_id, client=COMMAND_LINE)
            except ServiceError as refused:
                return refused.code
        return "verified"

    assert sorted(at_once(20, guess)) == ["otp_invalid"] * 5 + ["too_many_attempts"] * 15


def test_a_rejected_password_uses_no_try_up(make_app: MakeApp, sinch: Simulator) -> None:
    app = make_app(OTP_COOLDOWN="0", PASSWORD_CHARACTER_CLASSES="false")
    owner = Owner(app, Api(app), sinch, make_person(app, is_verified=True))
    verify_address(app, owner.person)
    on_phone, by_mail = owner.ask()
    second = {"method": "email", "code": by_mail}
    number = owner.person.phone_number

    rejected = [confirm(owner.api, owner.person.email, on_phone, number, secondFactor=second) for _ in range(6)]

    assert [response.status_code for response in rejected] == [400] * 6
    assert owner.confirm(on_phone, by_mail).status_code == 204


def test_a_code_works_once(owner: Owner) -> None:
    on_phone, by_mail = owner.ask()
    assert owner.confirm(on_phone, by_mail).status_code == 204

    assert told(owner.confirm(owner.ask()[0], by_mail)) == INVALID


def test_a_code_is_for_one_reset(owner: Owner) -> None:
    _, first = owner.ask()
    on_phone, _ = owner.ask()

    assert told(owner.confirm(on_phone, first)) == INVALID


def test_a_code_is_for_one_account(owner: Owner) -> None:
    other = make_person(owner.app, is_verified=True)
    verify_address(owner.app, other)
    others = replace(owner, person=other)
    on_phone, _ = owner.ask()
    _, by_mail = others.ask()

    assert told(owner.confirm(on_phone, by_mail)) == INVALID


def test_an_unverified_address_gets_no_code_and_is_not_asked_for(owner: Owner) -> None:
    unverified = replace(owner, person=make_person(owner.app, is_verified=True))
    on_phone = reset_code(owner.api, owner.sinch, unverified.person)

    assert letters(owner.api, unverified.person.email, "recovery_code") == []
    assert unverified.confirm(on_phone, None).status_code == 204


def test_a_code_for_an_address_that_changed_meanwhile_is_void(owner: Owner) -> None:
    on_phone, by_mail = owner.ask()
    with owner.app.app_context(), transaction():
        from otp_service.accounts import users

        email_addresses.change(users.get(owner.person.id), email=f"new-{owner.person.email}", now=clock.now())

    response = confirm(
        owner.api, f"new-{owner.person.email}", on_phone, secondFactor={"method": "email", "code": by_mail}
    )

    assert told(response) == INVALID


def test_of_10_parallel_resets_one_wins(owner: Owner) -> None:
    on_phone, by_mail = owner.ask()

    statuses = at_once(10, lambda _: owner.confirm(on_phone, by_mail).status_code)

    assert statuses.count(204) == 1


def test_backup_codes_without_another_factor_are_a_second_channel(owner: Owner) -> None:
    unverified = replace(owner, person=make_person(owner.app))
    token = sign_in(owner.api, owner.sinch, unverified.person)["token"]
    codes = owner.api.post("/factors/backup-codes", token=token).json["backupCodes"]
    on_phone = reset_code(owner.api, owner.sinch, unverified.person)

    refused = unverified.confirm(on_phone, None)

    assert (told(refused), refused.json["methods"]) == ((403, "second_factor_required"), ["backup_code"])
    second = {"method": "backup_code", "code": codes[0]}
    assert unverified.confirm(on_phone, None, secondFactor=second).status_code == 204


class Careful:
    """An owner with an authenticator app."""

    def __init__(self, owner: Owner) -> None:
        self.api, self.sinch = owner.api, owner.sinch
        self.person = make_person(owner.app)
        token = sign_in(owner.api, owner.sinch, self.person)["token"]
        self.phone_app: AuthenticatorApp
        self.phone_app, self.backup_codes = enrol(owner.api, token)
        verify_address(owner.app, self.person)
        self.owner = replace(owner, person=self.person)

    def kinds(self) -> list[str]:
        """The kinds of factors besides the phone."""
        body = {"email": self.person.email, "password": NEW}
        challenge = self.api.post("/auth/login", body).json["challengeToken"]
        opened = {"challengeToken": challenge, "otpCode": code_on_phone(self.sinch, self.person)}
        token = self.api.post("/auth/verify-otp", opened).json["token"]
        return [factor["type"] for factor in self.api.get("/factors", token=token).json["factors"][1:]]


@pytest.fixture
def careful(owner: Owner) -> Careful:
    return Careful(owner)


def test_mail_never_replaces_a_strong_factor(careful: Careful, time: Time) -> None:
    time.advance(HOURS_73)
    on_phone = reset_code(careful.api, careful.sinch, careful.person)

    assert letters(careful.api, careful.person.email, "recovery_code") == []
    refused = careful.owner.confirm(on_phone, WRONG)
    assert (told(refused), refused.json["methods"]) == ((403, "second_factor_required"), ["totp", "backup_code"])
    assert refused.json["recentFactors"] == []
    second = {"method": "totp", "code": careful.phone_app.code()}
    assert careful.owner.confirm(on_phone, None, secondFactor=second).status_code == 204


def test_recently_added_factors_are_listed_and_removed(careful: Careful) -> None:
    on_phone, by_mail = careful.owner.ask()

    listed = careful.owner.confirm(on_phone, None).json

    assert listed["methods"] == ["email", "totp", "backup_code"]
    assert [factor["type"] for factor in listed["recentFactors"]] == ["totp", "backup_codes"]
    assert careful.owner.confirm(on_phone, by_mail, removeRecentFactors=True).status_code == 204
    assert careful.kinds() == []
    assert "were removed" in letters(careful.api, careful.person.email, "recovery")[0]["text"]


def test_recently_added_factors_stay_unless_the_owner_wants_them_removed(careful: Careful) -> None:
    assert careful.owner.confirm(*careful.owner.ask()).status_code == 204

    assert careful.kinds() == ["totp", "backup_codes"]
    assert "an authenticator app" in letters(careful.api, careful.person.email, "recovery")[0]["text"]


def test_older_factors_are_not_removed(careful: Careful, time: Time) -> None:
    time.advance(HOURS_73)
    on_phone = reset_code(careful.api, careful.sinch, careful.person)
    second = {"method": "totp", "code": careful.phone_app.code()}

    reset = careful.owner.confirm(on_phone, None, secondFactor=second, removeRecentFactors=True)

    assert reset.status_code == 204
    assert careful.kinds() == ["totp", "backup_codes"]


def test_with_the_phone_alone_recent_factors_are_required(owner: Owner) -> None:
    person = make_person(owner.app)
    enrol(owner.api, sign_in(owner.api, owner.sinch, person)["token"])
    unverified = replace(owner, person=person)
    on_phone = reset_code(owner.api, owner.sinch, person)

    refused = unverified.confirm(on_phone, None, removeRecentFactors=True)

    assert (told(refused), refused.json["methods"]) == ((403, "second_factor_required"), ["totp", "backup_code"])
