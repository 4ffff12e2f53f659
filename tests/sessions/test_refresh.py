"""POST /auth/refresh."""

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from otp_service.accounts import users
from otp_service.accounts.models import User
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.extensions import db
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import Time
from tests.factories import Person, make_person, sign_in
from tests.parallel import at_once
from tests.sessions.conftest import SignedIn, refresh
from tests.sessions.forging import claims_of


def test_a_refresh_gives_new_tokens_of_the_same_session(api: Api, alice: SignedIn) -> None:
    status, answer = refresh(api, alice.refresh_token)
    assert status == 200
    assert set(answer) == {"token", "tokenType", "expiresIn", "refreshToken", "sessionId"}
    assert (answer["tokenType"], answer["expiresIn"]) == ("Bearer", 900)
    assert answer["sessionId"] == alice.answer["sessionId"]
    assert answer["token"] != alice.token
    assert answer["refreshToken"] != alice.refresh_token
    assert api.get("/profile", token=answer["token"]).status_code == 200


def test_a_refreshed_answer_is_not_to_be_stored(api: Api, alice: SignedIn) -> None:
    response = api.post("/auth/refresh", {"refreshToken": alice.refresh_token})
    assert response.headers["Cache-Control"] == "no-store"


def test_a_refresh_keeps_how_and_when_the_person_signed_in(api: Api, alice: SignedIn, time: Time) -> None:
    before = claims_of(alice.token)
    time.advance(3_600)
    after = claims_of(refresh(api, alice.refresh_token)[1]["token"])
    assert {name: after[name] for name in ("sub", "sid", "amr", "acr", "auth_time", "iss", "aud")} == {
        name: before[name] for name in ("sub", "sid", "amr", "acr", "auth_time", "iss", "aud")
    }
    assert after["jti"] != before["jti"]
    assert after["iat"] >= before["iat"] + 3_600


def test_refresh_tokens_form_a_chain(api: Api, alice: SignedIn) -> None:
    token = alice.refresh_token
    seen = {token}
    for _ in range(5):
        status, answer = refresh(api, token)
        assert status == 200
        token = answer["refreshToken"]
        seen.add(token)
    assert len(seen) == 6


@pytest.mark.parametrize("token", [None, "", True, 7, [], {}])
@pytest.mark.one_database
def test_what_cannot_be_a_refresh_token_is_400(api: Api, token: Any) -> None:
    status, answer = refresh(api, token)
    assert status == 400
    assert answer["errors"] == [{"field": "refreshToken", "message": "Provide the refreshToken."}]


def test_an_unknown_refresh_token_is_401_with_a_challenge(api: Api) -> None:
    response = api.post("/auth/refresh", {"refreshToken": "rt_unknown"})
    assert (response.status_code, response.json["message"]) == (401, "Invalid or expired token.")
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_a_refreshed_token_says_whether_the_phone_is_verified_now(app: Flask, api: Api, alice: SignedIn) -> None:
    assert claims_of(alice.token)["isVerified"] is True
    with app.app_context(), transaction():
        execute(update(User).where(User.id == alice.person.id).values(phone_verified_at=None))
    token = refresh(api, alice.refresh_token)[1]["token"]
    assert claims_of(token)["isVerified"] is False


def test_a_refresh_while_the_person_is_deleted_is_granted_or_401(app: Flask, api: Api, sinch: Simulator) -> None:
    for _ in range(10):
        person = make_person(app)
        token = sign_in(api, sinch, person)["refreshToken"]
        acts = (lambda token=token: refresh(api, token)[0], lambda person=person: delete(app, person))
        assert at_once(2, lambda number: acts[number]())[0] in {200, 401}


def delete(app: Flask, person: Person) -> None:
    with app.app_context():
        users.remove(person.id)


def test_no_token_is_stored_in_the_clear(app: Flask, api: Api, alice: SignedIn) -> None:
    _, answer = refresh(api, alice.refresh_token)
    secrets = [alice.token, alice.refresh_token, answer["token"], answer["refreshToken"]]
    stored = everything_stored(app)
    assert str(alice.person.id) in stored
    for secret in secrets:
        assert secret not in stored
        assert secret[-30:] not in stored


def everything_stored(app: Flask) -> str:
    with app.app_context():
        rows = [tuple(row) for table in db.metadata.sorted_tables for row in fetch_all(select(table))]
    return json.dumps(rows, default=str)
