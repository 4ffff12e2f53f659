"""POST /auth/register."""

from typing import Any

import pytest
from flask import Flask

from tests.accounts.phones import UNREACHABLE
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import make_person, new_details
from tests.parallel import ROUNDS, at_once


def faults(response: Any) -> dict[str, str]:
    assert response.status_code == 400, response.json
    return {fault["field"]: fault["message"] for fault in response.json["errors"]}


def test_a_person_registers(api: Api) -> None:
    response = api.post("/auth/register", new_details())
    assert response.status_code == 201
    assert response.json["message"] == "User registered successfully. Verify your phone number to complete setup."
    assert "authenticator app or a passkey" in response.json["notice"]
    assert isinstance(response.json["userId"], int)
    assert set(response.json) == {"message", "notice", "userId"}


@pytest.mark.parametrize("spelling", ["{}@EXAMPLE.com", "{}@example.COM"])
def test_an_address_is_registered_once_in_any_letter_case(api: Api, spelling: str) -> None:
    first = new_details()
    api.post("/auth/register", first)
    name = first["email"].partition("@")[0].upper()
    response = api.post("/auth/register", new_details(email=spelling.format(name)))
    assert response.status_code == 409
    assert (response.json["code"], response.json["message"]) == ("email_taken", "Email is already registered.")


@pytest.mark.parametrize(
    "spelling", ["+1 415 555 {}", "+1 (415) 555-{}", "001.415.555.{}", "tel:+1-415-555-{}", "+１４１５５５５{}"]
)
def test_a_number_is_one_number_in_any_spelling(api: Api, spelling: str) -> None:
    first = new_details()
    api.post("/auth/register", first)
    response = api.post("/auth/register", new_details(phoneNumber=spelling.format(first["phoneNumber"][-4:])))
    assert response.status_code == 409, response.json
    assert response.json["message"] == "Phone number is already registered."
    assert response.json["code"] == "phone_number_taken"


def test_every_faulty_field_is_named_at_once(api: Api) -> None:
    response = api.post(
        "/auth/register", {"email": "nobody", "password": "short", "phoneNumber": "12", "role": "admin"}
    )
    assert set(faults(response)) == {"email", "password", "phoneNumber", "role"}
    assert response.json["message"] == "Validation failed."
    assert response.json["code"] == "validation_failed"
    assert faults(response)["email"] == "Provide a valid email address."


def test_missing_fields_are_named(api: Api) -> None:
    assert set(faults(api.post("/auth/register", {}))) == {"email", "password", "phoneNumber"}


@pytest.mark.parametrize("value", [None, True, 7, [], {}, ""])
@pytest.mark.parametrize("field", ["email", "password", "phoneNumber"])
@pytest.mark.one_database
def test_a_wrong_type_is_a_fault_of_its_field(api: Api, field: str, value: Any) -> None:
    assert field in faults(api.post("/auth/register", new_details(**{field: value})))


@pytest.mark.parametrize(
    "password", ["alllowercase7", "ALLUPPERCASE7", "NoDigitsHere", "Sh0rt", "Password123", "x" * 5000]
)
@pytest.mark.one_database
def test_a_weak_password_is_refused_with_the_reason(api: Api, password: str) -> None:
    assert "assword" in faults(api.post("/auth/register", new_details(password=password)))["password"]


def test_the_own_address_or_number_is_no_password(api: Api) -> None:
    details = new_details()
    for password in (details["email"].capitalize(), details["phoneNumber"] + "aA"[:0]):
        assert "password" in faults(api.post("/auth/register", {**details, "password": password}))


@pytest.mark.parametrize(
    "number", ["+447700900123", "4155552671", "+1415555", "hello", "+1415555267111111", "+14155552671 ext 5"]
)
@pytest.mark.one_database
def test_what_is_no_valid_number_is_refused(api: Api, number: str) -> None:
    assert set(faults(api.post("/auth/register", new_details(phoneNumber=number)))) == {"phoneNumber"}


@pytest.mark.race
def test_of_20_parallel_registrations_of_one_address_one_wins(app: Flask, api: Api) -> None:
    for _ in range(ROUNDS):
        email = new_details()["email"]
        answers = at_once(20, lambda _: api.post("/auth/register", new_details(email=email)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19


def test_of_20_parallel_registrations_of_one_number_one_wins(app: Flask, api: Api) -> None:
    number = new_details()["phoneNumber"]
    answers = at_once(20, lambda _: api.post("/auth/register", new_details(phoneNumber=number)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19


def test_a_password_is_stored_as_a_bcrypt_sha256_hash(app: Flask, api: Api) -> None:
    from sqlalchemy import select

    from otp_service.accounts.models import User
    from otp_service.core.database.transactions import fetch_one

    person = make_person(app)
    with app.app_context():
        row = fetch_one(select(User.password_hash).where(User.id == person.id))
    assert row is not None
    assert row.password_hash.startswith("$bcrypt-sha256$v=2,t=2b,r=")


@pytest.mark.parametrize("is_hidden", ["true", "false"])
@pytest.mark.parametrize("number", UNREACHABLE)
@pytest.mark.one_database
def test_a_number_that_no_code_reaches_does_not_register(make_app: MakeApp, number: str, is_hidden: str) -> None:
    response = Api(make_app(HIDE_ACCOUNT_EXISTENCE=is_hidden)).post("/auth/register", new_details(phoneNumber=number))

    assert (response.status_code, response.json["code"]) == (422, "destination_not_allowed")
    assert f"it is {UNREACHABLE[number]}." in response.json["message"]


def test_a_number_of_a_country_without_codes_does_not_register(make_app: MakeApp) -> None:
    api = Api(make_app(SMS_COUNTRIES="GB"))

    statuses = [api.post("/auth/register", new_details(phoneNumber=number)).status_code for number in (
        "+14155552671", "+447400123456", "+442079460000",
    )]  # fmt: skip

    assert statuses == [422, 201, 201]
