"""The owner of a mailbox against a stranger who registered with the address."""

from typing import Any

import pytest
from flask import Flask

from otp_service.accounts import numbers, users
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters, release_sent, token_sent
from tests.api import Api, is_refused
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person, code_on_phone, new_details, new_number, sign_in
from tests.parallel import at_once
from tests.recovery.resets import confirm, reset_code

DAY, COOLDOWN = 86_400, 121
MALLORY = "Mallory-Horse-9"


def register(api: Api, **changes: Any) -> Person:
    """Register over the API."""
    details = new_details(**changes)
    response = api.post("/auth/register", details)
    assert response.status_code == 201, response.json
    return Person(response.json["userId"], details["email"], details["phoneNumber"], details["password"])


@pytest.fixture
def squatter(api: Api) -> Person:
    """Registered with the address of somebody else, and with a phone of their own."""
    return register(api, password=MALLORY)


def release(api: Api, token: str) -> Any:
    return api.post("/auth/release-email", {"token": token})


def log_in_by_number(api: Api, person: Person, password: str | None = None) -> Any:
    body = {"phoneNumber": person.phone_number, "password": password or person.password}
    return api.post("/auth/login/number", body)


def verify_by_name(api: Api, sinch: Simulator, person: Person, **named: str) -> None:
    """Verify the number as its owner, who holds no challenge."""
    name = named or {"email": person.email}
    assert api.post("/auth/request-otp", name).status_code == 200
    assert api.post("/auth/verify-otp", {**name, "otpCode": code_on_phone(sinch, person)}).status_code == 200


def test_the_owner_takes_the_address_back_from_a_verified_phone_and_registers(
    api: Api, sinch: Simulator, squatter: Person
) -> None:
    token = sign_in(api, sinch, squatter)["token"]

    refused = api.post("/auth/register", new_details(email=squatter.email))
    response = release(api, release_sent(api, squatter.email))

    assert (refused.status_code, refused.json["message"]) == (409, "Email is already registered.")
    assert (response.status_code, set(response.json)) == (200, {"message"})
    assert register(api, email=squatter.email)
    assert api.post("/auth/verify-email", {"token": token_sent(api, squatter.email)}).status_code == 200
    user = api.get("/profile", token=token).json["user"]
    assert (user["email"], user["emailVerified"], user["phoneNumber"]) == (None, False, squatter.phone_number)
    assert api.get("/account/events", token=token).json["events"][0]["event"] == "email.released"


def test_the_mail_of_the_registration_itself_can_take_the_address_back(
    api: Api, sinch: Simulator, squatter: Person
) -> None:
    (letter,) = letters(api, squatter.email)
    assert f"******{squatter.phone_number[-4:]}" in letter["text"]
    sign_in(api, sinch, squatter)

    assert release(api, release_sent(api, squatter.email)).status_code == 200

    assert is_refused(api.post("/auth/verify-email", {"token": token_sent(api, squatter.email)}))


def test_a_registration_without_a_verified_number_is_deleted_with_all_that_is_its(api: Api, squatter: Person) -> None:
    held = api.post("/auth/login", squatter.credentials).json["challengeToken"]
    link = token_sent(api, squatter.email)

    assert release(api, release_sent(api, squatter.email)).status_code == 200

    assert is_refused(api.post("/auth/request-otp", {"challengeToken": held}))
    assert is_refused(api.post("/auth/verify-email", {"token": link}))
    assert letters(api, squatter.email) == []
    assert register(api, email=squatter.email, phoneNumber=squatter.phone_number)


def test_a_verified_address_is_never_released(api: Api, sinch: Simulator, time: Time) -> None:
    owner = register(api)
    sign_in(api, sinch, owner)
    early = release_sent(api, owner.email)
    assert api.post("/auth/verify-email", {"token": token_sent(api, owner.email)}).status_code == 200

    response = release(api, early)

    assert (response.status_code, response.json["code"]) == (409, "email_already_verified")
    assert api.post("/auth/register", new_details(email=owner.email)).status_code == 409
    newest = letters(api, owner.email)[0]
    assert (newest["template"], newest["link"]) == ("already_registered", None)
    assert f"******{owner.phone_number[-4:]}" in newest["text"]


@pytest.mark.parametrize("seconds", [7 * DAY + 1])
def test_a_token_works_once_for_seven_days_and_for_no_other_act(
    api: Api, sinch: Simulator, squatter: Person, time: Time, seconds: int
) -> None:
    sign_in(api, sinch, squatter)
    first = release_sent(api, squatter.email)
    assert is_refused(api.post("/auth/verify-email", {"token": first}))
    assert is_refused(release(api, token_sent(api, squatter.email)))
    time.advance(seconds)
    assert is_refused(release(api, first))
    api.post("/auth/register", new_details(email=squatter.email))

    answers = at_once(10, lambda _: release(api, release_sent(api, squatter.email)).status_code)

    assert sorted(answers) == [200] + [401] * 9


def test_the_mailbox_gets_one_notice_a_day_from_all_routes(api: Api, sinch: Simulator, squatter: Person) -> None:
    sign_in(api, sinch, squatter)
    other = sign_in(api, sinch, register(api))["token"]
    for _ in range(3):
        assert api.post("/auth/register", new_details(email=squatter.email.upper())).status_code == 409
        assert api.post("/account/email", {"email": squatter.email}, token=other).status_code == 409

    sent = [letter["template"] for letter in letters(api, squatter.email)]

    assert sent == ["address_held", "address_verification"]


def test_without_an_address_the_account_signs_in_by_its_number_and_takes_another_address(
    api: Api, sinch: Simulator, squatter: Person, time: Time
) -> None:
    sign_in(api, sinch, squatter)
    release(api, release_sent(api, squatter.email))
    time.advance(COOLDOWN)
    assert api.post("/auth/login", squatter.credentials).status_code == 401

    challenge = log_in_by_number(api, squatter).json["challengeToken"]
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, squatter)}
    token = api.post("/auth/verify-otp", body).json["token"]

    missing = api.post("/auth/verify-email/resend", token=token)
    assert (missing.status_code, missing.json["code"]) == (409, "email_missing")
    new = str(new_details()["email"])
    assert api.post("/account/email", {"email": new}, token=token).status_code == 202
    assert api.post("/auth/verify-email", {"token": token_sent(api, new)}, token=token).status_code == 200
    assert api.post("/auth/login", {"email": new, "password": MALLORY}).status_code == 200
    assert all("@" in letter["to"] for letter in api.get("//mail.json").json["messages"])
    assert log_in_by_number(api, squatter).json["code"] == "invalid_credentials"


def test_the_password_of_an_account_without_an_address_changes_and_deletes_it(
    api: Api, sinch: Simulator, squatter: Person, time: Time
) -> None:
    token = sign_in(api, sinch, squatter)["token"]
    release(api, release_sent(api, squatter.email))
    assert api.get("/account/export", token=token).json["profile"]["email"] is None
    assert api.post("/factors/totp", token=token).json["uri"].count("released") == 0

    body = {"currentPassword": MALLORY, "newPassword": "Another-Horse-8"}
    token = api.post("/account/password", body, token=token).json["token"]

    assert log_in_by_number(api, squatter, "Another-Horse-8").status_code == 200


def test_for_any_other_number_a_sign_in_by_number_is_a_wrong_password(
    app: Flask, api: Api, squatter: Person, sinch: Simulator
) -> None:
    sign_in(api, sinch, squatter)
    unknown = Person(0, "", new_number(), MALLORY)

    answers = [log_in_by_number(api, person) for person in (squatter, unknown)]

    assert [(one.status_code, one.json["message"]) for one in answers] == [(401, "Invalid email or password.")] * 2


def test_failed_sign_ins_follow_an_account_that_loses_its_address(api: Api, sinch: Simulator, squatter: Person) -> None:
    sign_in(api, sinch, squatter)
    for _ in range(4):
        api.post("/auth/login", {"email": squatter.email, "password": "wrong"})
    release(api, release_sent(api, squatter.email))

    assert log_in_by_number(api, squatter, "wrong").status_code == 401

    assert log_in_by_number(api, squatter).status_code == 429


def test_the_command_line_copes_with_an_account_without_an_address(
    app: Flask, api: Api, sinch: Simulator, squatter: Person
) -> None:
    sign_in(api, sinch, squatter)
    release(api, release_sent(api, squatter.email))
    runner = app.test_cli_runner()

    shown = runner.invoke(args=["users", "show", squatter.phone_number, "--json"])
    listed = runner.invoke(args=["users", "list"])
    exported = runner.invoke(args=["users", "export"])
    deleted = runner.invoke(args=["users", "delete", str(squatter.id), "--yes"])

    assert [one.exit_code for one in (shown, listed, exported, deleted)] == [0] * 4
    assert "released:" not in shown.output + listed.output + exported.output


@pytest.mark.parametrize("named", ["email", "phoneNumber"])
def test_who_verifies_a_number_by_name_leaves_the_registrant_with_nothing(
    make_app: MakeApp, sinch: Simulator, time: Time, named: str
) -> None:
    api = Api(make_app(MFA_POLICY="enrolment"))
    owner = register(api, password=MALLORY)  # the number is the owner's, the password a stranger's
    held = api.post("/auth/login", owner.credentials).json["challengeToken"]
    time.advance(COOLDOWN)
    verify_by_name(api, sinch, owner, **{named: owner.email if named == "email" else owner.phone_number})

    assert is_refused(api.post("/auth/request-otp", {"challengeToken": held}))
    time.advance(COOLDOWN)
    response = api.post("/auth/login", owner.credentials)

    assert (response.status_code, response.json["requiresOtp"]) == (200, True)
    assert "token" not in response.json


def test_after_one_second_step_the_password_is_enough_by_policy(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    api = Api(make_app(MFA_POLICY="enrolment"))
    owner = register(api)
    verify_by_name(api, sinch, owner)
    time.advance(COOLDOWN)

    assert sign_in(api, sinch, owner)["token"]

    assert api.post("/auth/login", owner.credentials).json["requiresOtp"] is False


def test_the_owner_of_the_number_replaces_a_strangers_password(make_app: MakeApp, sinch: Simulator, time: Time) -> None:
    api = Api(make_app(MFA_POLICY="enrolment"))
    owner = register(api, password=MALLORY)
    verify_by_name(api, sinch, owner)
    time.advance(COOLDOWN)

    assert confirm(api, owner.email, reset_code(api, sinch, owner)).status_code == 204

    assert api.post("/auth/login", owner.credentials).status_code == 401


def test_opening_the_link_of_a_registration_voids_its_challenges(
    api: Api, sinch: Simulator, squatter: Person, time: Time
) -> None:
    held = api.post("/auth/login", squatter.credentials).json["challengeToken"]

    assert api.post("/auth/verify-email", {"token": token_sent(api, squatter.email)}).status_code == 200

    assert is_refused(api.post("/auth/request-otp", {"challengeToken": held}))
    time.advance(COOLDOWN)
    assert sign_in(api, sinch, squatter)["token"]


def test_a_password_that_an_operator_vouched_for_is_enough_by_policy(make_app: MakeApp) -> None:
    app = make_app(MFA_POLICY="enrolment")
    details = new_details()
    args = ["users", "create", details["email"], details["phoneNumber"], "--verified", "--password-stdin"]
    assert app.test_cli_runner().invoke(args=args, input=f"{PASSWORD}\n").exit_code == 0

    response = Api(app).post("/auth/login", {"email": details["email"], "password": PASSWORD})

    assert response.json["requiresOtp"] is False


def test_a_number_that_an_operator_verified_makes_a_registrants_password_no_more_trusted(make_app: MakeApp) -> None:
    app = make_app(MFA_POLICY="enrolment")
    api = Api(app)
    person = register(api, password=MALLORY)
    with app.app_context():
        numbers.verify_by_operator(person.id)
        assert users.get(person.id).is_verified

    assert api.post("/auth/login", person.credentials).json["requiresOtp"] is True
