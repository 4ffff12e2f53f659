"""A number that a phone company gives to another person, and the 24 hours of an unverified registration."""

from flask import Flask

from otp_service.jobs import retention
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import Person, make_person, new_details, sign_in
from tests.sessions.conftest import refreshed

DAY = 86_400


def test_while_existence_is_hidden_a_recycled_number_goes_to_its_new_owner(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(HIDE_ACCOUNT_EXISTENCE="true")
    api, first = Api(app), make_person(app)
    tokens = sign_in(api, sinch, first)
    firsts = tokens["token"]
    details = new_details(phoneNumber=first.phone_number)
    assert api.post("/auth/register", details).status_code == 201
    assert api.get("/profile", token=firsts).status_code == 200, "a registration takes nothing"
    seconds = sign_in(api, sinch, Person(0, details["email"], details["phoneNumber"]))["token"]
    user = api.get("/profile", token=seconds).json["user"]
    assert (user["email"], user["phoneNumber"]) == (details["email"], first.phone_number)
    assert api.get("/profile", token=firsts).status_code == 401
    assert api.get("/profile", token=refreshed(api, tokens["refreshToken"])["token"]).status_code == 403
    assert api.post("/auth/login", first.credentials).json["otpErrorCode"] == "phone_number_missing"


def test_an_unproven_claim_to_a_number_of_another_is_gone_after_a_day(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(HIDE_ACCOUNT_EXISTENCE="true")
    api, first = Api(app), make_person(app, is_verified=True)
    details = new_details(phoneNumber=first.phone_number)
    assert api.post("/auth/register", details).status_code == 201
    time.advance(DAY + 1)
    with app.app_context():
        retention.run()
    assert api.post("/auth/login", {"email": details["email"], "password": details["password"]}).status_code == 401
    sign_in(api, sinch, first)


def test_who_registers_first_and_proves_nothing_cannot_keep_the_owner_of_a_number_out(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    squatters = new_details()
    assert api.post("/auth/register", squatters).status_code == 201
    owners = new_details(phoneNumber=squatters["phoneNumber"])
    assert api.post("/auth/register", owners).status_code == 409
    time.advance(DAY + 1)
    registered = api.post("/auth/register", owners)
    assert registered.status_code == 201
    owner = Person(registered.json["userId"], owners["email"], owners["phoneNumber"])
    assert api.get("/profile", token=sign_in(api, sinch, owner)["token"]).status_code == 200
    squatter = {"email": squatters["email"], "password": squatters["password"]}
    assert api.post("/auth/login", squatter).status_code == 401
