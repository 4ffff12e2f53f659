"""Users for backends: found, made, changed and erased by the services of the command line."""

from typing import Any

import bcrypt
import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.accounts import registrations
from otp_service.accounts.models import User
from otp_service.accounts.new_users import NewUser
from otp_service.audit import COMMAND_LINE
from otp_service.backends.app_keys import Scope
from otp_service.backends.users.management import PAGE
from otp_service.core.crypto import hashing
from otp_service.core.database.transactions import fetch_all, transaction
from otp_service.core.services import services_of
from otp_service.sessions.models import Session
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters
from tests.accounts.phones import UNREACHABLE
from tests.api import Answer
from tests.backends.callers import Backend
from tests.conftest import MakeApp
from tests.factories import PASSWORD, Person, make_person, new_details, new_number, sign_in
from tests.parallel import at_once, race
from tests.trail import entries

READS = ("/users", "/users/{}", "/users/{}/sessions", "/users/{}/events")
WRITES = (
    ("POST", "/users"),
    ("PATCH", "/users/{}"),
    ("POST", "/users/{}/lock"),
    ("POST", "/users/{}/unlock"),
    ("POST", "/users/{}/reset-mfa"),
    ("POST", "/users/{}/set-password-link"),
    ("DELETE", "/users/{}/sessions"),
    ("DELETE", "/users/{}"),
)


@pytest.fixture
def support(app: Flask) -> Backend:
    """A backend that may read and change users."""
    return Backend(app, Scope.USERS_READ, Scope.USERS_WRITE, name="support")


def details(**changes: Any) -> dict[str, Any]:
    """The body of a new user, with a password."""
    return new_details(**changes)


def fields(answer: Answer) -> set[str]:
    """The fields that a 400 names."""
    assert (answer.status_code, answer.json["code"]) == (400, "validation_failed"), answer.json
    return {fault["field"] for fault in answer.json["errors"]}


def acts_of(app: Flask, name: str) -> list[tuple[str, int | None]]:
    """Event and user of all that an app did, the oldest first."""
    acts = [entry for entry in entries(app) if entry.facts.get("app") == name and entry.agent == f"app {name}"]
    return [(act.event, act.user_id) for act in acts]


def add_users(app: Flask, count: int) -> list[int]:
    """Users without a password, the newest first."""
    with app.app_context(), transaction():
        made = [NewUser(hashing.of_no_password(), new_details()["email"]) for _ in range(count)]
        return [registrations.add(one, client=COMMAND_LINE).id for one in made][::-1]


def test_users_are_listed_newest_first_in_pages(app: Flask, support: Backend) -> None:
    oldest = add_users(app, PAGE)
    full = support.get("/users").json
    ids = add_users(app, 1) + oldest

    first = support.get("/users").json
    second = support.get(f"/users?cursor={first['next']}").json

    assert [user["id"] for user in first["users"] + second["users"]] == ids
    assert (len(full["users"]), full["next"]) == (PAGE, None)
    assert (len(first["users"]), second["next"]) == (PAGE, None)


@pytest.mark.parametrize("spelling", [str, str.upper, lambda text: text.replace("@", "%40"), lambda text: f"%20{text}"])
def test_a_user_is_found_by_the_address_in_any_spelling(app: Flask, support: Backend, spelling: Any) -> None:
    made = support.post("/users", {"email": "ada+shop@example.com"}).json
    make_person(app)

    found = support.get(f"/users?email={spelling('ada+shop@example.com')}").json

    assert ([user["id"] for user in found["users"]], found["next"]) == ([made["id"]], None)


@pytest.mark.parametrize("spelling", ["%2B1{0}", "+1{0}", "%2B1%20({1})%20{2}", "tel:%2B1{0}"])
def test_a_user_is_found_by_the_number_in_any_spelling(app: Flask, support: Backend, spelling: str) -> None:
    person = make_person(app)
    make_person(app)
    national = person.phone_number[2:]

    found = support.get(f"/users?phoneNumber={spelling.format(national, national[:3], national[3:])}").json

    assert [user["userId"] for user in found["users"]] == [person.id]


def test_only_the_whole_of_what_is_named_finds_a_user(app: Flask, support: Backend) -> None:
    person, other = make_person(app), make_person(app)

    both = support.get(f"/users?email={person.email}&phoneNumber=%2B{person.phone_number[1:]}").json
    mixed = support.get(f"/users?email={person.email}&phoneNumber=%2B{other.phone_number[1:]}").json

    assert [user["id"] for user in both["users"]] == [person.id]
    assert mixed == {"users": [], "next": None}
    assert support.get(f"/users?email=x{person.email}").json["users"] == []
    assert [user["id"] for user in support.get("/users?email=&phoneNumber=&cursor=").json["users"]] == [
        other.id, person.id,
    ]  # fmt: skip
    assert fields(support.get("/users?email=%25&phoneNumber=1&cursor=x&limit=7")) == {
        "email", "phoneNumber", "cursor", "limit",
    }  # fmt: skip


def test_a_user_is_shown_without_a_secret_or_hash(app: Flask, support: Backend, sinch: Simulator) -> None:
    person = make_person(app)
    sign_in(support.api, sinch, person)

    told = [support.get(path.format(person.id)) for path in READS]

    assert [answer.status_code for answer in told] == [200] * 4
    assert told[1].json == {
        "id": person.id, "userId": person.id, "email": person.email, "emailVerified": False,
        "phoneNumber": person.phone_number, "isVerified": True, "displayName": None, "locale": None,
        "lockedAt": None, "lockReason": None, "eraseAt": None, "createdAt": told[1].json["createdAt"],
    }  # fmt: skip
    with app.app_context():
        hashes = [row[0] for column in (User.password_hash, Session.refresh_hash) for row in fetch_all(select(column))]
    assert len(hashes) == 2
    assert [secret for secret in hashes if secret in "".join(answer.text for answer in told)] == []


def test_sessions_and_events_are_those_that_the_person_sees(app: Flask, support: Backend, sinch: Simulator) -> None:
    person = make_person(app)
    token = sign_in(support.api, sinch, person)["token"]

    (session,) = support.get(f"/users/{person.id}/sessions").json["sessions"]
    events = support.get(f"/users/{person.id}/events").json

    (own,) = support.api.get("/sessions", token=token).json["sessions"]
    assert {name: own[name] for name in session.keys() & own.keys()} == {
        k: session[k] for k in session.keys() & own.keys()
    }
    assert session["amr"] == ["pwd", "sms"]
    assert events == support.api.get("/account/events", token=token).json


@pytest.mark.parametrize("user_id", ["0", "999999999", "99999999999999999999", "-1", "01", "me", "1.0", "%2531"])
def test_an_unknown_user_is_404_on_every_route(support: Backend, user_id: str) -> None:
    routes = [("GET", path) for path in READS[1:]] + [*WRITES[1:]]
    bodies: dict[str, dict[str, Any]] = {"PATCH": {"json": {"displayName": "Ada"}}}

    answers = [support.send(method, path.format(user_id), **bodies.get(method, {})) for method, path in routes]

    assert {(answer.status_code, answer.json["code"]) for answer in answers} == {(404, "user_not_found")}


@pytest.mark.one_database
def test_a_key_without_the_scope_is_403_before_body_and_user_are_looked_at(app: Flask) -> None:
    reader, writer = Backend(app, Scope.USERS_READ), Backend(app, Scope.USERS_WRITE)

    refused = [reader.send(method, path.format(0), data="{") for method, path in WRITES]
    refused += [writer.get(path.format(0)) for path in READS]

    assert {(answer.status_code, answer.json["code"]) for answer in refused} == {(403, "scope_missing")}


def test_a_user_is_made_with_a_password_and_signs_in(app: Flask, support: Backend, sinch: Simulator) -> None:
    body = details(email="ADA@Example.com", isVerified=True, emailVerified=True, displayName="Ada", locale="de-CH")

    made = support.post("/users", body)

    assert made.status_code == 201
    assert {name: made.json[name] for name in body if name != "password"} == {
        **{name: value for name, value in body.items() if name != "password"}, "email": "ada@example.com",
    }  # fmt: skip
    person = Person(made.json["userId"], "ada@example.com", body["phoneNumber"])
    assert sign_in(support.api, sinch, person)["userId"] == person.id
    assert letters(support.api, "ada@example.com", "address_verification") == []


@pytest.mark.parametrize("kind", [b"2a", b"2b"])
def test_a_user_is_made_with_a_hash_from_another_system(
    app: Flask, support: Backend, sinch: Simulator, kind: bytes
) -> None:
    stored = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, prefix=kind)).decode()
    body = details(passwordHash=stored)
    del body["password"]

    made = support.post("/users", body).json

    sign_in(support.api, sinch, Person(made["id"], body["email"], body["phoneNumber"]))


def test_a_user_without_a_password_signs_in_once_a_link_has_set_one(support: Backend) -> None:
    made = support.post("/users", {"email": "ada@example.com"})
    assert (made.status_code, made.json["phoneNumber"], made.json["isVerified"]) == (201, None, False)
    credentials = {"email": "ada@example.com", "password": PASSWORD}
    assert support.api.post("/auth/login", credentials).status_code == 401

    link = support.post(f"/users/{made.json['id']}/set-password-link").json

    assert (link["userId"], link["expiresIn"]) == (made.json["id"], 86_400)
    assert link["link"].endswith(f"/set-password#token={link['token']}")
    assert support.api.post("/auth/set-password", {"token": link["token"], "newPassword": PASSWORD}).status_code == 204
    assert support.api.post("/auth/login", credentials).status_code == 200


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"email": "ada"}, {"email"}),
        ({"email": None}, {"email"}),
        ({"phoneNumber": "1"}, {"phoneNumber"}),
        ({"password": "short"}, {"password"}),
        ({"password": "Password1"}, {"password"}),
        ({"passwordHash": "$2b$04$" + "a" * 53}, {"passwordHash"}),
        ({"password": None, "passwordHash": "md5"}, {"passwordHash"}),
        ({"password": None, "passwordHash": "$2b$20$" + "." * 53}, {"passwordHash"}),
        ({"isVerified": "yes", "emailVerified": 1}, {"isVerified", "emailVerified"}),
        ({"phoneNumber": None, "isVerified": True}, {"isVerified"}),
        ({"locale": "?", "displayName": "\u202e", "role": "admin"}, {"locale", "displayName", "role"}),
    ],
)
def test_a_malformed_user_is_rejected_with_every_fault(
    support: Backend, changes: dict[str, Any], named: set[str]
) -> None:
    assert fields(support.post("/users", details(**changes))) == named


def test_an_address_or_number_is_given_to_one_user(app: Flask, support: Backend) -> None:
    person = make_person(app)

    answers = [
        support.post("/users", details(email=person.email.upper())),
        support.post("/users", details(phoneNumber=person.phone_number)),
        support.post("/users", {"email": person.email}),
    ]

    assert [(answer.status_code, answer.json["message"]) for answer in answers] == [
        (409, "Email is already registered."),
        (409, "Phone number is already registered."),
        (409, "Email is already registered."),
    ]


@race
def test_of_users_with_one_address_made_at_once_one_remains(support: Backend, round_number: int) -> None:
    answers = at_once(4, lambda _: support.post("/users", {"email": "ada@example.com"}).status_code)

    assert sorted(answers) == [201, 409, 409, 409]


@pytest.mark.one_database
def test_a_password_waits_in_the_queue_of_all_hashes(make_app: MakeApp) -> None:
    busy = make_app(PASSWORD_HASH_CONCURRENCY="1", PASSWORD_HASH_QUEUE="0")
    backend = Backend(busy, Scope.USERS_WRITE)

    with services_of(busy).hash_slots.hold():
        answers = [backend.post("/users", body) for body in (details(), {"email": "ada@example.com"})]

    assert [(answer.status_code, answer.json.get("code")) for answer in answers] == [(503, "overloaded"), (201, None)]


@pytest.mark.one_database
def test_a_number_that_no_code_reaches_is_422(app: Flask, support: Backend) -> None:
    person, number = make_person(app), next(iter(UNREACHABLE))

    answers = [support.post("/users", details(phoneNumber=number)), patch(support, person, phoneNumber=number)]

    assert {(answer.status_code, answer.json["code"]) for answer in answers} == {(422, "destination_not_allowed")}


def patch(backend: Backend, person: Person, **changes: Any) -> Answer:
    return backend.send("PATCH", f"/users/{person.id}", json=changes)


def test_the_profile_is_edited_and_null_clears_it(app: Flask, support: Backend) -> None:
    person = make_person(app)

    edited = patch(support, person, displayName="Ada Lovelace", locale="pt-BR").json
    cleared = patch(support, person, displayName=None).json

    assert (edited["displayName"], edited["locale"], edited["email"]) == ("Ada Lovelace", "pt-BR", person.email)
    assert (cleared["displayName"], cleared["locale"]) == (None, "pt-BR")
    assert patch(support, person).json == cleared


def test_another_number_is_unverified_and_ends_access_tokens(app: Flask, support: Backend, sinch: Simulator) -> None:
    person, number = make_person(app), new_number()
    tokens = sign_in(support.api, sinch, person)

    edited = patch(support, person, phoneNumber=number)

    assert (edited.status_code, edited.json["phoneNumber"], edited.json["isVerified"]) == (200, number, False)
    assert support.api.get("/sessions", token=tokens["token"]).status_code == 401
    assert support.api.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).status_code == 200
    assert len(letters(support.api, person.email, "phone_changed")) == 1
    assert patch(support, person, phoneNumber=number, isVerified=True).json["isVerified"] is True


def test_the_same_number_and_address_change_nothing(app: Flask, support: Backend, sinch: Simulator) -> None:
    person = make_person(app)
    token = sign_in(support.api, sinch, person)["token"]

    edited = patch(support, person, phoneNumber=person.phone_number, email=person.email.upper())

    assert (edited.status_code, edited.json["isVerified"]) == (200, True)
    assert support.api.get("/profile", token=token).status_code == 200
    assert acts_of(support.api.app, "support") == []


def test_a_number_is_marked_as_verified_and_unverified(app: Flask, support: Backend) -> None:
    person = make_person(app)

    states = [patch(support, person, isVerified=state).json["isVerified"] for state in (True, True, False)]

    assert states == [True, True, False]
    events = ["user.verified_by_operator", "user.unverified_by_operator"]
    assert acts_of(app, "support") == [(event, person.id) for event in events]


def test_a_user_without_a_number_cannot_have_a_verified_one(support: Backend) -> None:
    made = support.post("/users", {"email": "ada@example.com"}).json

    answer = support.send("PATCH", f"/users/{made['id']}", json={"isVerified": True})

    assert (answer.status_code, answer.json["code"]) == (422, "phone_number_missing")


def test_another_address_is_notified_at_the_one_before(app: Flask, support: Backend, sinch: Simulator) -> None:
    person = make_person(app)
    token = sign_in(support.api, sinch, person)["token"]

    edited = patch(support, person, email="Ada@Example.com")

    assert (edited.json["email"], edited.json["emailVerified"]) == ("ada@example.com", False)
    assert len(letters(support.api, person.email, "email_changed")) == 1
    assert support.api.get("/profile", token=token).status_code == 401
    states = [patch(support, person, emailVerified=state).json["emailVerified"] for state in (True, False)]
    assert states == [True, False]
    assert patch(support, person, email=person.email, emailVerified=True).json["emailVerified"] is True
    assert [event.removeprefix("email.") for event, _ in acts_of(app, "support")] == [
        "set_by_operator", "verified_by_operator", "unverified_by_operator", "set_by_operator",
    ]  # fmt: skip


def test_a_patch_that_fails_in_part_changes_nothing(app: Flask, support: Backend) -> None:
    person, other = make_person(app), make_person(app)
    changes = ({"phoneNumber": other.phone_number}, {"phoneNumber": new_number(), "email": other.email})

    answers = [patch(support, person, displayName="Ada", **change) for change in changes]

    assert [(answer.status_code, answer.json["code"]) for answer in answers] == [
        (409, "phone_number_taken"), (409, "email_taken"),
    ]  # fmt: skip
    shown = support.get(f"/users/{person.id}").json
    assert (shown["displayName"], shown["phoneNumber"]) == (None, person.phone_number)
    assert acts_of(app, "support") == []


def test_a_locked_user_is_out_until_the_unlock(app: Flask, support: Backend, sinch: Simulator) -> None:
    person = make_person(app)
    token = sign_in(support.api, sinch, person)["token"]

    locked = support.post(f"/users/{person.id}/lock")

    assert (locked.status_code, locked.json["lockedAt"] is None) == (200, False)
    assert support.api.get("/profile", token=token).status_code == 401
    assert support.api.post("/auth/login", person.credentials).status_code == 401
    assert support.post(f"/users/{person.id}/unlock").json["lockedAt"] is None
    assert support.api.post("/auth/login", person.credentials).status_code == 200


def test_all_sessions_of_a_user_end(app: Flask, support: Backend, sinch: Simulator) -> None:
    person = make_person(app)
    token = sign_in(support.api, sinch, person)["token"]

    ended = support.send("DELETE", f"/users/{person.id}/sessions")

    assert (ended.status_code, ended.data) == (204, b"")
    assert support.api.get("/profile", token=token).status_code == 401
    assert support.get(f"/users/{person.id}/sessions").json == {"sessions": []}


def test_factors_are_reset_as_the_command_resets_them(app: Flask, support: Backend, sinch: Simulator) -> None:
    person = make_person(app)
    token = sign_in(support.api, sinch, person)["token"]

    reset = support.post(f"/users/{person.id}/reset-mfa")

    assert (reset.status_code, reset.json["userId"]) == (200, person.id)
    assert set(reset.json["removed"].values()) == {0}
    assert support.api.get("/profile", token=token).status_code == 401


def test_an_erased_user_is_gone_and_the_trail_names_the_app(app: Flask, support: Backend) -> None:
    person = make_person(app)
    patch(support, person, displayName="Ada")

    erased = support.send("DELETE", f"/users/{person.id}")

    assert (erased.status_code, erased.data) == (204, b"")
    assert support.get(f"/users/{person.id}").status_code == 404
    assert acts_of(app, "support") == [("user.deleted_by_operator", person.id)]
    (letter,) = letters(support.api, person.email, "account_deleted")
    assert "127.0.0.1" not in letter["text"]


def test_each_act_is_in_the_trail_with_the_name_of_the_app(app: Flask, support: Backend) -> None:
    user_id = support.post("/users", details()).json["id"]
    for path in ("lock", "unlock", "reset-mfa", "set-password-link"):
        assert support.post(f"/users/{user_id}/{path}").status_code == 200
    support.send("DELETE", f"/users/{user_id}/sessions")
    support.send("PATCH", f"/users/{user_id}", json={"phoneNumber": new_number(), "locale": "de"})

    assert acts_of(app, "support") == [
        (event, user_id)
        for event in (
            "user.registered", "user.locked_by_operator", "user.unlocked_by_operator", "factor.all_reset",
            "password.link_issued_by_operator", "session.all_ended", "phone.set_by_operator", "profile.edited",
        )
    ]  # fmt: skip
