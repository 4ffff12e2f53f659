"""GET /profile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, update

from otp_service.accounts import numbers, profiles, users
from otp_service.accounts.models import User
from otp_service.core import clock
from otp_service.core.database.transactions import execute, transaction
from otp_service.sessions import Caller
from otp_service.sessions.errors import InvalidToken
from otp_service.simulator import Simulator
from tests.api import Api
from tests.factories import Person, make_person, sign_in


def change(app: Flask, person: Person, **values: Any) -> None:
    with app.app_context(), transaction():
        execute(update(User).where(User.id == person.id).values(**values))


@pytest.fixture
def person(app: Flask) -> Person:
    return make_person(app)


@pytest.fixture
def token(api: Api, sinch: Simulator, person: Person) -> str:
    return str(sign_in(api, sinch, person)["token"])


def test_a_profile_shows_what_the_contract_names_and_nothing_else(api: Api, person: Person, token: str) -> None:
    response = api.get("/profile", token=token)
    body = dict(response.json or {})
    created_at = datetime.fromisoformat(body["user"].pop("createdAt"))
    assert response.status_code == 200
    assert body == {
        "message": "Access granted to protected resource.",
        "user": {
            "userId": person.id,
            "email": person.email,
            "emailVerified": False,
            "phoneNumber": person.phone_number,
            "isVerified": True,
            "displayName": None,
            "locale": None,
        },
    }
    assert created_at.utcoffset() == timedelta()
    assert abs(datetime.now(UTC) - created_at) < timedelta(minutes=5)  # noqa: TID251 - what a client compares with


def test_a_profile_shows_the_newest_facts(app: Flask, api: Api, person: Person, token: str) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - any time will do
    change(app, person, display_name="Zoë <b>", locale="de-AT", email_verified_at=now)
    user = api.get("/profile", token=token).json["user"]
    assert (user["displayName"], user["locale"], user["emailVerified"]) == ("Zoë <b>", "de-AT", True)


def test_a_profile_is_not_to_be_stored(api: Api, token: str) -> None:
    assert api.get("/profile", token=token).headers["Cache-Control"] == "no-store"


def test_while_the_phone_is_unverified_the_profile_is_403(app: Flask, api: Api, person: Person, token: str) -> None:
    change(app, person, phone_verified_at=None)
    response = api.get("/profile", token=token)
    body = dict(response.json or {})
    assert body.pop("requestId") == response.headers["X-Request-ID"]
    assert body == {
        "status": "error",
        "statusCode": 403,
        "code": "phone_verification_required",
        "message": "Phone verification required.",
    }


def test_a_profile_opens_again_once_the_phone_is_verified_without_a_new_token(
    app: Flask, api: Api, person: Person, token: str
) -> None:
    change(app, person, phone_verified_at=None)
    assert api.get("/profile", token=token).status_code == 403
    with app.app_context():
        numbers.verify_by_operator(person.id)
    assert api.get("/profile", token=token).status_code == 200


def test_a_problem_is_told_as_rfc_9457_to_those_who_ask(app: Flask, api: Api, person: Person, token: str) -> None:
    change(app, person, phone_verified_at=None)
    response = api.get("/profile", token=token, headers={"Accept": "application/problem+json"})
    assert response.mimetype == "application/problem+json"
    assert (response.json["status"], response.json["title"]) == (403, "Phone verification required.")


def test_a_deleted_persons_token_is_401_and_not_404(app: Flask, api: Api, person: Person, token: str) -> None:
    change(app, person, display_name="Gone")
    with app.app_context(), transaction():
        execute(delete(User).where(User.id == person.id))
    response = api.get("/profile", token=token)
    assert (response.status_code, response.json["message"]) == (401, "Invalid or expired token.")


def test_a_profile_is_shown_for_a_live_session_of_its_owner_alone(app: Flask, person: Person) -> None:
    with app.app_context(), pytest.raises(InvalidToken):
        profiles.show(Caller(person.id, ("pwd", "sms"), "aal2", clock.now(), is_verified=True))


def test_a_locked_persons_token_is_401(app: Flask, api: Api, person: Person, token: str) -> None:
    with app.app_context():
        users.lock(person.id)
    response = api.get("/profile", token=token)
    assert (response.status_code, response.json["message"]) == (401, "Invalid or expired token.")


def test_a_token_shows_its_owners_profile_only(app: Flask, api: Api, sinch: Simulator, token: str) -> None:
    other = make_person(app)
    other_token = sign_in(api, sinch, other)["token"]
    shown = [api.get("/profile", token=held).json["user"]["userId"] for held in (token, other_token)]
    assert shown[0] != shown[1] == other.id


@pytest.mark.parametrize("path", ["/profile/", "/profile/1", "/profiles", "/PROFILE"])
@pytest.mark.one_database
def test_no_other_path_shows_a_profile(api: Api, token: str, path: str) -> None:
    response = api.get(path, token=token)
    assert (response.status_code, response.json["message"]) == (404, "API endpoint not found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_profile_is_not_written_by_these_methods(api: Api, token: str, method: str) -> None:
    response = api.send(method, "/profile", token=token, json={})
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
