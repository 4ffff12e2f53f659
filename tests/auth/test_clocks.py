"""Machines of one service whose clocks differ (ADR 28)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from otp_service.core import clock
from otp_service.simulator import Simulator
from tests.api import Api, is_refused
from tests.conftest import MakeApp
from tests.factories import Person, code_on_phone, log_in, make_person, sign_in

NEW = "Another-Horse-8"


@contextmanager
def machine(ahead: float) -> Iterator[None]:
    """Run the block on a machine whose clock is some seconds ahead (or behind, if negative)."""
    clock.use(lambda: clock.system_now() + timedelta(seconds=ahead))
    try:
        yield
    finally:
        clock.use(None)


@pytest.mark.parametrize("ahead", [0.1, 2, 4])
def test_a_token_from_a_machine_that_is_ahead_is_valid_at_once(
    app: Flask, api: Api, sinch: Simulator, ahead: float
) -> None:
    with machine(ahead):
        token = sign_in(api, sinch, make_person(app))["token"]

    assert api.get("/profile", token=token).status_code == 200


@pytest.mark.parametrize(("leeway", "ahead"), [("5", 30), ("0", 30), ("60", 120)])
def test_a_token_from_further_in_the_future_is_refused(
    make_app: MakeApp, sinch: Simulator, leeway: str, ahead: float
) -> None:
    app = make_app(CLOCK_LEEWAY=leeway)
    with machine(ahead):
        token = sign_in(Api(app), sinch, make_person(app))["token"]

    assert is_refused(Api(app).get("/profile", token=token))


def test_the_end_of_a_token_is_strict(app: Flask, api: Api, sinch: Simulator) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]

    with machine(901):
        assert is_refused(api.get("/profile", token=token))


def test_no_leeway_keeps_an_ended_session(app: Flask, api: Api, sinch: Simulator) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    with machine(3):
        assert api.post("/auth/logout", token=token).status_code == 204

    assert is_refused(api.get("/profile", token=token))


def change_password(api: Api, token: str, person: Person, new: str) -> str:
    body = {"currentPassword": person.password, "newPassword": new}
    response = api.post("/account/password", body, token=token)
    assert response.status_code == 200, response.json
    return str(response.json["token"])


def complete(api: Api, sinch: Simulator, person: Person, challenge: dict[str, Any]) -> int:
    body = {"challengeToken": challenge["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    return api.post("/auth/verify-otp", body).status_code


@pytest.mark.parametrize("ahead", [0.1, 2, 4, 50])
def test_after_a_new_password_on_a_machine_that_is_ahead_sign_ins_elsewhere_succeed(
    make_app: MakeApp, sinch: Simulator, ahead: float
) -> None:
    app = make_app(OTP_COOLDOWN="0", CLOCK_LEEWAY="60")
    api, person = Api(app), make_person(app)
    token = sign_in(api, sinch, person)["token"]
    with machine(ahead):
        change_password(api, token, person, NEW)
    renewed = Person(person.id, person.email, person.phone_number, NEW)

    challenge = log_in(api, renewed)

    assert complete(api, sinch, renewed, challenge) == 200


@pytest.mark.parametrize("ahead", [0, 0.1, 2, 4])
def test_a_new_password_voids_the_challenge_of_a_machine_that_is_ahead(
    make_app: MakeApp, sinch: Simulator, ahead: float
) -> None:
    app = make_app(OTP_COOLDOWN="0")
    api, person = Api(app), make_person(app)
    token = sign_in(api, sinch, person)["token"]
    with machine(ahead):
        challenge = log_in(api, person)

    change_password(api, token, person, NEW)

    assert complete(api, sinch, person, challenge) == 401


def test_a_second_new_password_on_a_machine_that_is_behind_voids_what_came_between(
    make_app: MakeApp, sinch: Simulator
) -> None:
    app = make_app(OTP_COOLDOWN="0")
    api, person = Api(app), make_person(app)
    with machine(4):
        token = change_password(api, sign_in(api, sinch, person)["token"], person, NEW)
        renewed = Person(person.id, person.email, person.phone_number, NEW)
        challenge = log_in(api, renewed)

    change_password(api, token, renewed, "Yet-Another-9-Horse")

    assert complete(api, sinch, renewed, challenge) == 401


def test_after_a_wait_on_a_machine_that_is_ahead_a_sign_in_elsewhere_succeeds(
    make_app: MakeApp, sinch: Simulator
) -> None:
    app = make_app(OTP_COOLDOWN="0", LOGIN_FAILURES_BEFORE_WAIT="1")
    api, person = Api(app), make_person(app)
    with machine(-28):
        assert api.post("/auth/login", {**person.credentials, "password": "Wrong-Horse-7"}).status_code == 401

    with machine(4):
        challenge = log_in(api, person)
        assert complete(api, sinch, person, challenge) == 200
