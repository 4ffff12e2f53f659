"""What phone keyboards, contacts and forms make of an address, a number, a code and a field that was left blank."""

from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.factories import PASSWORD, Person, code_on_phone, log_in, make_person, new_details, sign_in

pytestmark = pytest.mark.each_case

BLANKS = (" ", "\u00a0", "\t", "\u200e", "\u202a", "\ufeff")


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.one_database
def test_blanks_around_an_address_do_not_count(app: Flask, api: Api, blank: str) -> None:
    person = make_person(app)

    response = api.post("/auth/login", {"email": f"{blank}{person.email}{blank}", "password": PASSWORD})

    assert response.status_code == 200, response.json


def test_blanks_around_a_password_are_part_of_it(app: Flask, api: Api) -> None:
    person = make_person(app)

    response = api.post("/auth/login", {"email": person.email, "password": f"{PASSWORD} "})

    assert (response.status_code, response.json["code"]) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    "spelled", ["\u202a+1 415 563 0002\u202c", "+١٤١٥٥٦٣٠٠٠٢", "＋１ ４１５ ５６３ ０００２", "+1\t415\u00a0563 0002 "]
)
def test_a_number_registers_in_every_spelling(app: Flask, api: Api, sinch: Simulator, spelled: str) -> None:
    details = new_details(phoneNumber=spelled)

    response = api.post("/auth/register", details)

    assert response.status_code == 201, response.json
    asked = api.post("/auth/request-otp", {"phoneNumber": spelled})
    assert asked.json["message"] == "OTP sent via sms to +1******0002."


def with_blanks(code: str) -> tuple[str, ...]:
    return (f" {code}", f"{code}\u00a0", f"{code[:2]} {code[2:]}", "\u2009".join(code), f"\u202a{code}\u202c\n")


@pytest.mark.parametrize("way", range(5))
@pytest.mark.one_database
def test_blanks_in_a_code_do_not_count(app: Flask, api: Api, sinch: Simulator, way: int) -> None:
    person = make_person(app)
    challenge = log_in(api, person)["challengeToken"]
    typed = with_blanks(code_on_phone(sinch, person))[way]

    response = api.post("/auth/verify-otp", {"challengeToken": challenge, "otpCode": typed})

    assert response.status_code == 200, response.json


@pytest.mark.parametrize("code", ["٤٨٢١", "48 2", "4821 55 1", "48-21", " "])
@pytest.mark.one_database
def test_what_is_no_code_of_four_to_six_digits_is_a_fault_of_form(app: Flask, api: Api, code: str) -> None:
    response = api.post("/auth/verify-otp", {"email": make_person(app).email, "otpCode": code})

    assert (response.status_code, response.json["errors"][0]["field"]) == (400, "otpCode")


@pytest.mark.parametrize(
    ("path", "nulls"),
    [
        ("/auth/login", {"deviceToken": None}),
        ("/auth/request-otp", {"channel": None, "phoneNumber": None, "challengeToken": None}),
        ("/auth/verify-otp", {"rememberDevice": None, "challengeToken": None}),
        ("/auth/password-reset/confirm", {"secondFactor": None}),
    ],
)
def test_null_in_an_optional_field_is_as_good_as_no_field(
    app: Flask, api: Api, path: str, nulls: dict[str, None]
) -> None:
    person = make_person(app)
    needed = {"/auth/login": {"password": PASSWORD}, "/auth/request-otp": {}}
    body = {"email": person.email, **needed.get(path, {"otpCode": "482155"})}
    body |= {"newPassword": "Another-Horse-8"} if path.endswith("confirm") else {}

    plain, with_nulls = api.post(path, body), api.post(path, {**body, **nulls})

    assert plain.status_code != 400, plain.json
    assert with_nulls.status_code in {plain.status_code, 429}, with_nulls.json


@pytest.mark.parametrize("body", [{"email": None}, {"email": "a@example.com", "password": None}, {"nope": None}])
def test_null_in_a_required_or_unknown_field_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert api.post("/auth/login", body).status_code == 400


def test_the_document_says_that_optional_fields_may_be_null(api: Api) -> None:
    schemas = api.get("/openapi.json").json["components"]["schemas"]

    assert schemas["LoginIn"]["properties"]["deviceToken"]["type"] == ["string", "null"]
    assert schemas["LoginIn"]["properties"]["email"]["type"] == "string"
    assert schemas["LoginOut"]["properties"]["challengeToken"]["type"] == "string"


LONG = ("x" * 201, "x" * 2_000, "y" * 5_000, "ß" * 9_000)


@pytest.fixture
def signed_in(app: Flask, api: Api, sinch: Simulator) -> tuple[Person, str]:
    person = make_person(app)
    return person, str(sign_in(api, sinch, person)["token"])


@pytest.mark.parametrize("password", LONG)
def test_an_existing_password_of_any_length_is_a_wrong_password(
    api: Api, signed_in: tuple[Person, str], password: str
) -> None:
    person, token = signed_in
    change = {"currentPassword": password, "newPassword": "Another-Horse-8"}
    step = {"password": password, "method": "sms", "code": "482155"}

    answers = [
        api.post("/auth/login", {"email": person.email, "password": password}),
        api.post("/account/password", change, token=token),
        api.post("/auth/step-up", step, token=token),
        api.send("DELETE", "/account", token=token, json={"password": password}),
    ]

    assert [(answer.status_code, answer.json["code"]) for answer in answers] == [(401, "invalid_credentials")] * 4
    wrong = "Your current password is wrong."
    assert [answer.json["message"] for answer in answers] == ["Invalid email or password.", *[wrong] * 3]


@pytest.mark.parametrize("token", LONG)
def test_a_token_of_any_length_is_a_wrong_token(api: Api, token: str) -> None:
    bodies = {
        "/auth/refresh": {"refreshToken": token},
        "/auth/verify-otp": {"challengeToken": token, "otpCode": "482155"},
        "/auth/request-otp": {"challengeToken": token},
        "/auth/mfa/totp": {"challengeToken": token, "code": "482155"},
        "/auth/mfa/backup-code": {"challengeToken": token, "code": "7F3K-Q2MZ-X0VB-9TCD"},
        "/auth/mfa/webauthn/options": {"challengeToken": token},
        "/auth/verify-email": {"token": token},
        "/auth/set-password": {"token": token, "newPassword": "Another-Horse-8"},
        "/account/phone/undo": {"token": token},
    }

    answers = {path: api.post(path, body) for path, body in bodies.items()}

    assert {path: (answer.status_code, answer.json["code"]) for path, answer in answers.items()} == dict.fromkeys(
        bodies, (401, "invalid_token")
    )


@pytest.mark.parametrize("token", LONG)
def test_a_device_token_of_any_length_is_an_unknown_device(app: Flask, api: Api, token: str) -> None:
    response = api.post("/auth/login", {**make_person(app).credentials, "deviceToken": token})

    assert (response.status_code, response.json["requiresOtp"]) == (200, True)


@pytest.mark.parametrize(
    "token", ["\x80", "é", "a.b.c", "a" * 9_000, ".".join(["eyJ" * 2_000] * 3), "\xed\xa0\x80", "=="]
)
@pytest.mark.one_database
def test_odd_characters_in_a_bearer_token_make_a_wrong_token(api: Api, token: str) -> None:
    response = api.get("/profile", headers={"Authorization": f"Bearer {token}".encode("latin-1").decode("latin-1")})

    assert (response.status_code, response.json["code"]) == (401, "invalid_token")


def test_an_access_token_is_no_refresh_token(api: Api, signed_in: tuple[Person, str]) -> None:
    response = api.post("/auth/refresh", {"refreshToken": signed_in[1]})

    assert (response.status_code, response.json["message"]) == (401, "Invalid or expired token.")
