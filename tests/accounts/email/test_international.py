"""Addresses with letters beyond ASCII: mail to them leaves, or no account gets one."""

from typing import Any

import pytest
from flask import Flask

from otp_service import outbox
from otp_service.simulator import Simulator
from tests.accounts.moving import csv_of, faults_of, flask_users, report_of, row
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import PASSWORD, Person, make_person, new_details, new_number, sign_in
from tests.mail.mailbox import Mailbox

REASON = "only ASCII characters may stand before the @, because this service cannot send e-mail to other addresses"
FAULT = {"field": "email", "message": f"Provide another email address: {REASON}."}
BEYOND = [
    "usér@example.com",
    "Jürgen@example.com",
    "почта@example.com",
    "用户@例え.example",
    "ju\u0308rgen@example.com",
]


def register(api: Api, email: str) -> Any:
    return api.post("/auth/register", new_details(email=email))


def deliver(app: Flask) -> None:
    with app.app_context():
        outbox.deliver()


@pytest.mark.parametrize("email", BEYOND)
@pytest.mark.one_database
def test_no_registration_gets_an_address_that_mail_cannot_reach(api: Api, email: str) -> None:
    response = register(api, email)

    assert (response.status_code, response.json["code"]) == (400, "validation_failed")
    assert response.json["errors"] == [FAULT]


def test_hidden_existence_rejects_such_an_address_too(make_app: MakeApp) -> None:
    response = register(Api(make_app(HIDE_ACCOUNT_EXISTENCE="true")), "usér@example.com")

    assert (response.status_code, response.json["errors"]) == (400, [FAULT])


def test_no_account_changes_to_an_address_that_mail_cannot_reach(app: Flask, api: Api, sinch: Simulator) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]

    response = api.post("/account/email", {"email": "usér@example.com"}, token=token)

    assert (response.status_code, response.json["errors"]) == (400, [FAULT])


def test_no_command_makes_a_user_whom_mail_cannot_reach(app: Flask) -> None:
    arguments = ("create", "usér@example.com", new_number(), "--password-stdin")

    created = flask_users(app, *arguments, stdin=f"{PASSWORD}\n")
    reasons = faults_of(app, csv_of(row(1), row(2, email="usér@example.com")), "--dry-run")

    assert created.exit_code == 2
    assert f"{REASON} (see SMTP_UTF8)" in " ".join(created.output.split())
    assert reasons == {3: [f"email is rejected: {REASON} (see SMTP_UTF8)"]}


def test_with_a_mail_server_for_them_such_addresses_are_accepted_and_get_mail(make_app: MakeApp) -> None:
    with Mailbox() as mailbox:
        app = make_app(SMTP_UTF8="true", **mailbox.settings)
        assert register(Api(app), "Usér@Bücher.example").status_code == 201
        assert report_of(app, csv_of(row(1, email="jürgen@example.com")))[0] == 0
        deliver(app)

    assert mailbox.recipients == ["usér@xn--bcher-kva.example"]
    assert mailbox.messages[0]["To"] == "usér@xn--bcher-kva.example"


def test_an_account_that_has_such_an_address_keeps_it(make_app: MakeApp, api: Api) -> None:
    email = "usér@example.com"
    assert register(Api(make_app(SMTP_UTF8="true")), email).status_code == 201

    signed_in = api.post("/auth/login", {"email": email, "password": PASSWORD})

    assert signed_in.status_code == 200


def test_a_mail_server_without_smtputf8_gets_the_domain_in_ascii(make_app: MakeApp) -> None:
    with Mailbox(smtputf8=False) as mailbox:
        app = make_app(**mailbox.settings)
        for email in ("ada@bücher.example", "ada@xn--mller-kva.example", "ada@faß.example", "ada@例え。テスト"):
            assert register(Api(app), email).status_code == 201
        deliver(app)

    assert sorted(mailbox.recipients) == [
        "ada@xn--bcher-kva.example",
        "ada@xn--fa-hia.example",
        "ada@xn--mller-kva.example",
        "ada@xn--r8jz45g.xn--zckzah",
    ]
    assert sorted(str(message["To"]) for message in mailbox.messages) == sorted(mailbox.recipients)


def test_both_spellings_of_a_domain_are_one_account(api: Api, sinch: Simulator) -> None:
    details = new_details(email="ada@bücher.example")
    assert api.post("/auth/register", details).status_code == 201

    again = register(api, "Ada@XN--BCHER-KVA.example")
    person = Person(0, "ada@xn--bcher-kva.example", details["phoneNumber"])
    profile = api.get("/profile", token=sign_in(api, sinch, person)["token"]).json["user"]

    assert (again.status_code, again.json["message"]) == (409, "Email is already registered.")
    assert profile["email"] == "ada@bücher.example"


def test_a_sender_of_such_a_domain_is_written_in_ascii(make_app: MakeApp) -> None:
    with Mailbox(smtputf8=False) as mailbox:
        app = make_app(**mailbox.settings | {"MAIL_FROM": "Bücher <no-reply@bücher.example>"})
        assert register(Api(app), "ada@example.com").status_code == 201
        deliver(app)

    assert mailbox.messages[0]["From"] == "Bücher <no-reply@xn--bcher-kva.example>"
    assert mailbox.message_ids[0].endswith("@xn--bcher-kva.example>")
