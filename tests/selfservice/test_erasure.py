"""DELETE /account and GET /account/export."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.core.database.transactions import fetch_all
from otp_service.extensions import db
from otp_service.selfservice import personal_data
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters
from tests.accounts.moving import flask_users
from tests.accounts.phones import sign_in_and_change
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person, log_in, make_person, new_details, sign_in
from tests.trail import entries


@pytest.fixture
def api(make_app: MakeApp) -> Api:
    """A service that erases accounts at once."""
    return Api(make_app(ACCOUNT_DELETION_DAYS="0"))


@pytest.fixture
def ada(app: Flask) -> Person:
    return make_person(app)


def erase(api: Api, token: str, password: Any = PASSWORD) -> Any:
    return api.send("DELETE", "/account", token=token, json={"password": password})


def everything(app: Flask) -> str:
    """Every value in the database."""
    with app.app_context():
        return repr([list(map(tuple, fetch_all(table.select()))) for table in db.metadata.sorted_tables])


def test_an_account_is_erased_at_once(app: Flask, api: Api, sinch: Simulator, ada: Person) -> None:
    tokens = sign_in(api, sinch, ada)
    assert erase(api, tokens["token"]).status_code == 204
    assert api.get("/profile", token=tokens["token"]).status_code == 401
    assert api.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).status_code == 401
    assert api.post("/auth/login", ada.credentials).status_code == 401
    assert api.post("/auth/request-otp", {"email": ada.email}).status_code == 404


def test_nothing_in_the_database_tells_of_an_erased_person(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    tokens, new = sign_in_and_change(api, sinch, time, ada)
    api.send("PATCH", "/profile", token=tokens["token"], json={"displayName": "Ada Lovelace"})
    assert erase(api, tokens["token"]).status_code == 204
    left = everything(app)
    for trace in (ada.email, ada.phone_number, new, "Ada Lovelace", "127.0.0.1", tokens["sessionId"]):
        assert trace not in left, trace


def test_the_events_say_that_something_happened_and_nothing_else(
    app: Flask, api: Api, sinch: Simulator, ada: Person
) -> None:
    erase(api, sign_in(api, sinch, ada)["token"])
    told = [entry for entry in entries(app) if entry.user_id == ada.id]
    assert told[-1].event == "user.deleted"
    assert {(row.ip, row.agent, row.request_id, str(row.facts)) for row in told} == {("", "", None, "{}")}


def test_the_person_is_told_in_one_last_message(app: Flask, api: Api, sinch: Simulator, ada: Person) -> None:
    erase(api, sign_in(api, sinch, ada)["token"])
    assert [letter["template"] for letter in letters(api, ada.email)] == ["account_deleted"]


def test_address_and_number_are_free_at_once_and_nothing_is_inherited(
    app: Flask, api: Api, sinch: Simulator, ada: Person
) -> None:
    token = sign_in(api, sinch, ada)["token"]
    api.post("/auth/login", {**ada.credentials, "password": "Wrong-Horse-7"})
    erase(api, token)
    details = new_details(email=ada.email, phoneNumber=ada.phone_number, password="Another-Horse-8")
    registered = api.post("/auth/register", details)
    assert registered.status_code == 201
    anew = Person(registered.json["userId"], ada.email, ada.phone_number, "Another-Horse-8")
    tokens = sign_in(api, sinch, anew)
    assert anew.id > ada.id
    assert len(api.get("/sessions", token=tokens["token"]).json["sessions"]) == 1
    assert api.get("/account/events", token=tokens["token"]).json["events"][-1]["event"] == "user.registered"
    assert api.get("/profile", token=token).status_code == 401


def test_a_wrong_password_erases_nothing_and_is_counted(api: Api, sinch: Simulator, ada: Person) -> None:
    token = sign_in(api, sinch, ada)["token"]
    for _ in range(5):
        response = erase(api, token, "Wrong-Horse-7")
        assert (response.status_code, response.json["message"]) == (401, "Your current password is wrong.")
    assert erase(api, token).status_code == 429
    assert api.get("/profile", token=token).status_code == 200


@pytest.mark.parametrize("body", [{}, {"password": ""}, {"password": 7}, {"password": PASSWORD, "sure": True}])
@pytest.mark.one_database
def test_it_wants_a_password_and_nothing_else(api: Api, sinch: Simulator, ada: Person, body: dict[str, Any]) -> None:
    token = sign_in(api, sinch, ada)["token"]
    assert api.send("DELETE", "/account", token=token, json=body).status_code == 400
    assert api.send("DELETE", "/account", json={"password": PASSWORD}).status_code == 401


def test_an_operator_erases_as_thoroughly(app: Flask, api: Api, sinch: Simulator, ada: Person) -> None:
    sign_in(api, sinch, ada)
    assert flask_users(app, "delete", ada.email, "--yes").exit_code == 0
    assert ada.email not in everything(app)
    assert [letter["template"] for letter in letters(api, ada.email)] == ["account_deleted"]


def test_other_people_lose_nothing(app: Flask, api: Api, sinch: Simulator, ada: Person) -> None:
    other = make_person(app)
    others = sign_in(api, sinch, other)["token"]
    before = api.get("/account/export", token=others).json
    erase(api, sign_in(api, sinch, ada)["token"])
    after = api.get("/account/export", token=others).json
    assert {**after, "exportedAt": None} == {**before, "exportedAt": None}


def test_every_table_about_people_is_exported_or_says_why_not() -> None:
    names = {"user_id", "owner"}
    about_people = {name for name, table in db.metadata.tables.items() if names & set(table.columns.keys())} | {"users"}
    exported = {part.table for part in personal_data.PARTS}
    assert about_people == exported | set(personal_data.EXEMPT)
    assert not exported & set(personal_data.EXEMPT)
    assert all(len(reason) > 20 for reason in personal_data.EXEMPT.values())


def test_an_export_tells_everything_about_its_person_alone(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    other = make_person(app)
    sign_in(api, sinch, other)
    tokens, new = sign_in_and_change(api, sinch, time, ada)
    log_in(api, Person(ada.id, ada.email, new))
    response = api.get("/account/export", token=tokens["token"])
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    told = response.json
    assert set(told) == {"exportedAt", *(part.name for part in personal_data.PARTS)}
    assert (told["profile"]["email"], told["profile"]["phoneNumber"]) == (ada.email, new)
    assert [change["earlierNumber"] for change in told["phoneChanges"]] == [ada.phone_number]
    assert tokens["sessionId"] in {session["id"] for session in told["sessions"]}
    assert {code["purpose"] for code in told["verifications"]} >= {"login", "phone_change"}
    assert {event["event"] for event in told["events"]} >= {"user.registered", "phone.changed"}
    assert "phone_change_undo" in {message["template"] for message in told["messages"]}
    assert len(told["challenges"]) == 2
    assert other.email not in response.text
    assert other.phone_number not in response.text


def test_an_export_holds_no_secret(app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person) -> None:
    tokens, _ = sign_in_and_change(api, sinch, time, ada)
    text = api.get("/account/export", token=tokens["token"]).text
    hashed = [column for table in db.metadata.sorted_tables for column in table.columns if column.name in SECRETS]
    with app.app_context():
        stored = [row[0] for column in hashed for row in fetch_all(select(column).where(column.is_not(None)))]
    assert len(stored) > 5
    assert [value for value in stored if str(value) in text] == []
    assert not re.search(r"\$bcrypt|\b(rt|ch|lk|dt)_", text)


SECRETS = {
    "password_hash", "token_hash", "refresh_hash", "code_hash", "provider_id", "sealed_number", "sealed_to",
    "sealed_values", "message_id",
}  # fmt: skip
