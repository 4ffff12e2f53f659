"""Strangers' wrong passwords make strangers wait, and no client that the account knows (ADR 36)."""

from typing import Any

import pytest
from flask import Flask

from otp_service.accounts import known_clients
from otp_service.core import clock
from otp_service.simulator import Simulator
from tests.api import Answer
from tests.codes import new_code
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, make_person
from tests.recovery.resets import NEW, confirm, reset_code
from tests.strangers import HOME, OFFICE, TRAIN, From, attempt, complete, guess, stranger

DAY = 86_400


@pytest.fixture
def person(app: Flask) -> Person:
    return make_person(app, is_verified=True)


@pytest.fixture
def tokens(app: Flask, sinch: Simulator, person: Person) -> dict[str, Any]:
    """The tokens of a sign-in at home."""
    return complete(From(app, HOME), sinch, person)


def besiege(app: Flask, person: Person) -> None:
    """Let strangers guess until every stranger waits."""
    assert guess(stranger(app), person, 6).status_code == 429
    assert attempt(stranger(app, 2), person).status_code == 429


def seen(response: Answer) -> tuple[int, dict[str, Any]]:
    body = {name: value for name, value in response.json.items() if name != "requestId"}
    return response.status_code, body


@pytest.mark.parametrize("address", [HOME, "203.0.113.250"])
def test_a_network_of_an_earlier_sign_in_does_not_wait_for_strangers(
    app: Flask, person: Person, tokens: dict[str, Any], address: str
) -> None:
    besiege(app, person)

    assert attempt(From(app, address), person).status_code == 200


def test_a_device_of_an_earlier_sign_in_does_not_wait_for_strangers(
    app: Flask, person: Person, tokens: dict[str, Any]
) -> None:
    besiege(app, person)

    token = tokens["knownDeviceToken"]
    assert attempt(From(app, TRAIN), person, deviceToken=token).status_code == 200
    assert attempt(From(app, TRAIN), person).status_code == 429


def test_a_trusted_device_does_not_wait_for_strangers_and_skips_the_second_step(
    app: Flask, person: Person, sinch: Simulator
) -> None:
    home = From(app, HOME)
    challenge = attempt(home, person).json["challengeToken"]
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person), "rememberDevice": True}
    device_token = home.post("/auth/verify-otp", body).json["deviceToken"]
    besiege(app, person)

    response = attempt(From(app, TRAIN), person, deviceToken=device_token)

    assert (response.status_code, response.json["requiresOtp"]) == (200, False)


def test_a_known_device_still_needs_the_second_step(app: Flask, person: Person, tokens: dict[str, Any]) -> None:
    response = attempt(From(app, HOME), person, deviceToken=tokens["knownDeviceToken"])

    assert response.json["requiresOtp"] is True
    assert "token" not in response.json


def test_a_known_device_that_guesses_waits_alone(app: Flask, person: Person, tokens: dict[str, Any]) -> None:
    token = tokens["knownDeviceToken"]
    assert guess(From(app, TRAIN), person, 6, deviceToken=token).status_code == 429

    assert attempt(From(app, TRAIN), person, deviceToken=token).status_code == 429
    assert attempt(From(app, HOME), person).status_code == 200
    assert attempt(stranger(app), person).status_code == 200


def test_neighbors_who_guess_do_not_make_the_device_wait(app: Flask, person: Person, tokens: dict[str, Any]) -> None:
    assert guess(From(app, "203.0.113.99"), person, 6).status_code == 429

    assert attempt(From(app, HOME), person, deviceToken=tokens["knownDeviceToken"]).status_code == 200


def test_a_sign_in_of_the_owner_gives_strangers_no_fresh_guesses(
    app: Flask, person: Person, tokens: dict[str, Any]
) -> None:
    besiege(app, person)
    assert attempt(From(app, HOME), person).status_code == 200

    assert attempt(stranger(app), person).status_code == 429


def test_a_stranger_does_not_end_the_sign_in_of_a_known_client(
    app: Flask, person: Person, sinch: Simulator, tokens: dict[str, Any], time: Time
) -> None:
    time.advance(121)
    home = From(app, HOME)
    challenge = attempt(home, person).json["challengeToken"]
    besiege(app, person)

    code = code_on_phone(sinch, person)
    assert home.post("/auth/verify-otp", {"challengeToken": challenge, "otpCode": code}).status_code == 200


def test_a_wait_ends_the_sign_in_that_a_stranger_began(app: Flask, person: Person, sinch: Simulator) -> None:
    challenge = attempt(stranger(app), person).json["challengeToken"]
    besiege(app, person)

    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    assert stranger(app).post("/auth/verify-otp", body).status_code == 401


@pytest.mark.parametrize("kind", ["kd", "dt", "kp"])
def test_a_token_that_was_bent_or_is_anothers_makes_no_client_known(app: Flask, person: Person, kind: str) -> None:
    with app.app_context():
        token = known_clients.issue(person.id, kind=kind, now=clock.now())
        others = known_clients.issue(make_person(app).id, kind=kind, now=clock.now())
    besiege(app, person)

    assert attempt(From(app, TRAIN), person, deviceToken=token).status_code == 200
    bent = [token[:-1], f"{token}A", token.swapcase(), token.replace(kind, "kx", 1), f"{token[:5]}{token[6:]}é"]
    other_kinds = [token.replace(kind, other, 1) for other in ("kd", "dt", "kp") if other != kind]
    for wrong in (others, "kd_", kind, "_", "x", *bent, *other_kinds):
        assert attempt(From(app, OFFICE), person, deviceToken=wrong).status_code == 429, wrong


def test_a_device_is_known_for_a_year_and_an_emailed_proof_for_a_day(app: Flask, person: Person, time: Time) -> None:
    with app.app_context():
        device, proof = (known_clients.issue(person.id, kind=kind, now=clock.now()) for kind in ("kd", "kp"))
    time.advance(DAY - 60)
    besiege(app, person)
    assert attempt(From(app, TRAIN), person, deviceToken=proof).status_code == 200

    time.advance(61)
    besiege(app, person)
    assert attempt(From(app, TRAIN), person, deviceToken=proof).status_code == 429
    assert attempt(From(app, TRAIN), person, deviceToken=device).status_code == 200
    time.advance(364 * DAY)
    besiege(app, person)
    assert attempt(From(app, TRAIN), person, deviceToken=device).status_code == 429


def test_a_network_is_known_for_ninety_days(app: Flask, person: Person, tokens: dict[str, Any], time: Time) -> None:
    time.advance(90 * DAY - 60)
    besiege(app, person)
    assert attempt(From(app, HOME), person).status_code == 200
    time.advance(61)
    besiege(app, person)

    assert attempt(From(app, HOME), person).status_code == 429


@pytest.mark.parametrize(
    ("home", "near", "far"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:ff::9", "2001:db8:1:100::9"),
        ("203.0.113.7", "203.0.113.200", "203.0.112.7"),
        ("203.0.113.7", "::ffff:203.0.113.8", "::ffff:203.0.114.8"),
    ],
)
def test_a_network_is_a_24_of_ipv4_or_a_56_of_ipv6(
    app: Flask, person: Person, sinch: Simulator, home: str, near: str, far: str
) -> None:
    complete(From(app, home), sinch, person)
    besiege(app, person)

    assert attempt(From(app, near), person).status_code == 200
    assert attempt(From(app, far), person).status_code == 429


def test_who_verifies_the_phone_first_need_not_wait(app: Flask, person: Person, sinch: Simulator) -> None:
    besiege(app, person)
    train = From(app, TRAIN)
    refused = attempt(train, person)
    assert (refused.status_code, refused.json["code"]) == (429, "account_locked")
    assert "phone" in refused.json["proveFirst"]

    code = new_code(train, sinch, person)
    proof = train.post("/auth/verify-otp", {"email": person.email, "otpCode": code}).json["knownDeviceToken"]

    assert attempt(train, person).status_code == 200
    assert attempt(From(app, OFFICE), person, deviceToken=proof).status_code == 200
    assert attempt(From(app, OFFICE), person).status_code == 429


def test_a_verified_phone_opens_its_network_for_fifteen_minutes(
    app: Flask, person: Person, sinch: Simulator, time: Time
) -> None:
    train = From(app, TRAIN)
    train.post("/auth/verify-otp", {"email": person.email, "otpCode": new_code(train, sinch, person)})
    besiege(app, person)
    assert attempt(train, person).status_code == 200

    time.advance(15 * 60)
    besiege(app, person)
    assert attempt(train, person).status_code == 429


def test_all_verified_phones_share_one_count(app: Flask, person: Person, sinch: Simulator, make_app: MakeApp) -> None:
    app = make_app(OTP_COOLDOWN="0")
    for address in (TRAIN, OFFICE):
        code = new_code(From(app, address), sinch, person)
        From(app, address).post("/auth/verify-otp", {"email": person.email, "otpCode": code})
    assert guess(From(app, TRAIN), person, 6).status_code == 429

    assert attempt(From(app, OFFICE), person).status_code == 429


def test_a_wait_is_the_same_bytes_for_an_unknown_address(app: Flask, person: Person) -> None:
    nobody = Person(0, "nobody@example.com", person.phone_number)
    guess(stranger(app), nobody, 6)
    besiege(app, person)

    known, unknown = (seen(attempt(From(app, TRAIN), one)) for one in (person, nobody))
    for _, body in (known, unknown):
        assert 1 <= body.pop("retryAfter") <= 30
    assert known == unknown


def test_a_reset_makes_every_client_a_stranger_but_the_one_that_did_it(
    app: Flask, person: Person, sinch: Simulator, tokens: dict[str, Any], time: Time
) -> None:
    time.advance(121)
    office = From(app, OFFICE)
    assert confirm(office, person.email, reset_code(office, sinch, person)).status_code == 204
    besiege(app, person)

    token = tokens["knownDeviceToken"]
    assert attempt(From(app, TRAIN), person, NEW, deviceToken=token).status_code == 429
    assert attempt(From(app, HOME), person, NEW).status_code == 429
    assert attempt(office, person, NEW).status_code == 200


def test_a_session_can_use_the_password_while_strangers_guess(
    app: Flask, person: Person, tokens: dict[str, Any]
) -> None:
    besiege(app, person)

    body = {"currentPassword": person.password, "newPassword": NEW}
    assert From(app, TRAIN).post("/account/password", body, token=tokens["token"]).status_code == 200


def test_guesses_in_a_session_wait_and_count_for_it_alone(app: Flask, person: Person, tokens: dict[str, Any]) -> None:
    train = From(app, TRAIN)

    def change(password: str) -> int:
        body = {"currentPassword": password, "newPassword": NEW}
        return train.post("/account/password", body, token=tokens["token"]).status_code

    assert [change("Wrong-Horse-1") for _ in range(6)] == [401] * 5 + [429]
    assert change(person.password) == 429
    assert attempt(stranger(app), person).status_code == 200


def test_an_operator_ends_the_waits_of_all(app: Flask, person: Person, tokens: dict[str, Any]) -> None:
    besiege(app, person)
    assert guess(From(app, HOME), person, 6).status_code == 429

    assert app.test_cli_runner().invoke(args=["users", "unlock", person.email]).exit_code == 0

    assert attempt(stranger(app), person).status_code == 200
    assert attempt(From(app, HOME), person).status_code == 200
