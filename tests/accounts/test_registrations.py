"""Registrations whose number was never verified."""

from typing import Any

from flask import Flask

from otp_service.accounts import registrations
from otp_service.core import clock
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import Time
from tests.factories import Person, code_on_phone, log_in, make_person, new_details

DAY = 86_400


def register(api: Api, **changes: Any) -> tuple[int, dict[str, Any]]:
    details = new_details(**changes)
    return api.post("/auth/register", details).status_code, details


def test_an_unproven_registration_holds_its_address_and_number_for_a_day(api: Api, time: Time) -> None:
    _, first = register(api)
    time.advance(DAY - 60)
    assert register(api, email=first["email"])[0] == 409
    assert register(api, phoneNumber=first["phoneNumber"])[0] == 409
    time.advance(61)
    assert register(api, email=first["email"])[0] == 201
    assert register(api, phoneNumber=first["phoneNumber"])[0] == 201


def test_nothing_of_an_unproven_registration_survives_its_time(app: Flask, api: Api, time: Time) -> None:
    _, first = register(api)
    squatter = Person(0, first["email"], first["phoneNumber"])
    token = log_in(api, squatter)["challengeToken"]
    time.advance(DAY + 1)
    assert register(api, email=first["email"], password="Another-Horse-8")[0] == 201
    assert api.post("/auth/login", squatter.credentials).status_code == 401
    assert api.post("/auth/request-otp", {"challengeToken": token}).status_code == 401


def test_a_proven_registration_stays(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    _, details = register(api)
    person = Person(0, details["email"], details["phoneNumber"])
    log_in(api, person)
    api.post("/auth/verify-otp", {"email": person.email, "otpCode": code_on_phone(sinch, person)})
    time.advance(2 * DAY)
    assert register(api, email=person.email)[0] == 409


def test_users_made_by_an_operator_stay(app: Flask, api: Api, time: Time) -> None:
    person = make_person(app)
    time.advance(2 * DAY)
    assert register(api, email=person.email)[0] == 409
    with app.app_context():
        assert registrations.release_held(now=clock.now()) == 0


def test_an_operator_can_add_whom_an_unproven_registration_held(app: Flask, api: Api, time: Time) -> None:
    _, first = register(api)
    arguments = ["users", "create", first["email"], first["phoneNumber"], "--password-stdin"]
    runner = app.test_cli_runner()
    assert runner.invoke(args=arguments, input="Correct-Horse-7\n").exit_code == 1
    time.advance(DAY + 1)
    assert runner.invoke(args=arguments, input="Correct-Horse-7\n").exit_code == 0
