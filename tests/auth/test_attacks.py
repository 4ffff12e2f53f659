"""Ways around the second factor that an attacker with a password, a token or a link may try."""

from flask import Flask

from otp_service.auth import password_links
from otp_service.selfservice import interventions
from otp_service.simulator import Simulator
from tests.accounts.email.test_change import ask_for_link, new_address, prove
from tests.accounts.phones import COOLDOWN, ask_for_number, change_number, undo_token
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, code_on_phone, log_in, make_person, new_details, new_number, sign_in
from tests.factors.totp.authenticator import enrol, sign_in_with
from tests.factors.trusted_devices.test_sign_in import log_in_on, sign_in_and_remember
from tests.selfservice.test_phone_change import number_of, undo
from tests.sessions.conftest import SignedIn, refreshed, stepped_up

SEND_LIMITS = {"OTP_SENDS_PER_NUMBER_HOUR": "5", "OTP_SENDS_PER_NUMBER_DAY": "10", "OTP_COOLDOWN": "0"}


def test_where_the_phone_is_not_enough_a_trusted_device_is_no_fresh_sign_in(
    make_app: MakeApp, sinch: Simulator
) -> None:
    app = make_app(MFA_BEYOND_PHONE="true")
    api, person = Api(app), make_person(app)
    device_token = sign_in_and_remember(api, sinch, person)["deviceToken"]
    token = log_in_on(api, person, device_token)["token"]
    assert api.post("/factors/totp", token=token).status_code == 403
    assert ask_for_number(api, token, new_number()).status_code == 403


def test_where_the_phone_is_not_enough_a_password_alone_is_no_fresh_sign_in(make_app: MakeApp) -> None:
    app = make_app(MFA_BEYOND_PHONE="true", MFA_POLICY="enrolment")
    token = log_in(Api(app), make_person(app, is_verified=True))["token"]
    assert Api(app).post("/factors/totp", token=token).status_code == 403


def test_changes_to_a_number_leave_its_owner_a_part_of_the_codes(make_app: MakeApp, sinch: Simulator) -> None:
    app = make_app(**SEND_LIMITS)
    api, owner = Api(app), make_person(app, is_verified=True)
    token = sign_in(api, sinch, make_person(app, is_verified=True))["token"]
    asked = [ask_for_number(api, token, owner.phone_number).status_code for _ in range(5)]
    assert asked == [200] * 3 + [429] * 2
    assert "otpError" not in log_in(api, owner)


def test_hidden_registrations_of_a_number_leave_its_owner_a_part_of_the_codes(
    make_app: MakeApp, sinch: Simulator
) -> None:
    app = make_app(HIDE_ACCOUNT_EXISTENCE="true", **SEND_LIMITS)
    api, owner = Api(app), make_person(app, is_verified=True)
    stranger = new_details(phoneNumber=owner.phone_number)
    assert api.post("/auth/register", stranger).status_code == 201
    for _ in range(5):
        api.post("/auth/login", {"email": stranger["email"], "password": PASSWORD})
    assert "otpError" not in log_in(api, owner)


def test_a_device_that_was_trusted_before_a_factor_was_added_is_trusted_no_more(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    device_token = sign_in_and_remember(api, sinch, person)["deviceToken"]
    time.advance(COOLDOWN)
    enrol(api, sign_in(api, sinch, person)["token"])
    assert log_in_on(api, person, device_token)["requiresOtp"] is True


def test_no_link_undoes_what_an_operator_set(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    token = sign_in(api, sinch, person)["token"]
    for _ in range(2):
        time.advance(COOLDOWN)
        change_number(api, sinch, token, new_number())
    link = undo_token(api, person)
    with app.app_context():
        interventions.set_phone_number(person.id, person.phone_number, is_verified=True)
    undo(api, link)
    assert number_of(app, person) == (person.phone_number, True)


def test_a_link_to_set_a_password_is_void_once_another_one_was_set(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    with app.app_context():
        link = password_links.issue(person.id)
    time.advance(5)
    body = {"currentPassword": PASSWORD, "newPassword": "Another-Horse-8"}
    assert api.post("/account/password", body, token=sign_in(api, sinch, person)["token"]).status_code == 200
    assert api.post("/auth/set-password", {"token": link, "newPassword": "Mallory-Horse-9"}).status_code == 401


def test_a_change_of_address_dies_with_the_session_that_asked_for_it(app: Flask, api: Api, sinch: Simulator) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    link = ask_for_link(api, token, new_address())
    assert api.post("/auth/logout-all", token=token).status_code == 204
    assert prove(api, link).status_code == 401


def test_where_the_phone_is_not_enough_backup_codes_shut_nobody_out(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(MFA_BEYOND_PHONE="true")
    api, person = Api(app), make_person(app)
    assert api.post("/factors/backup-codes", token=sign_in(api, sinch, person)["token"]).status_code == 201
    time.advance(COOLDOWN)
    challenge = log_in(api, person)["challengeToken"]
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 200


def test_who_signed_in_with_a_factor_is_out_once_it_is_removed(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    own = stepped_up(app, SignedIn(person, sign_in(api, sinch, person)), "otp")
    authenticator, _ = enrol(api, own.token)
    time.advance(60)
    others = sign_in_with(api, person, authenticator.code()).json["token"]
    assert api.send("DELETE", "/factors/totp", token=own.token).status_code == 204
    assert api.get("/profile", token=others).status_code == 401
    assert api.get("/profile", token=refreshed(api, own.refresh_token)["token"]).status_code == 200
