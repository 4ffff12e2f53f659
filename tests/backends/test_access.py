"""Who may call the routes for backends: a valid key with the scope, and no one else."""

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from otp_service.backends import app_keys, apps
from otp_service.backends.app_keys import Scope
from otp_service.backends.models import AppKey
from otp_service.core import clock
from otp_service.core.database.transactions import fetch_all
from otp_service.extensions import db
from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.backends.callers import Backend, make_key
from tests.conftest import MakeApp, Time
from tests.factories import make_person, sign_in

UNKNOWN = f"otpk_{'a' * 12}_{'b' * 43}"


@pytest.fixture
def backend(app: Flask) -> Backend:
    return Backend(app, Scope.USERS_READ)


def authorized(api: Api, value: str | None, path: str = "/users/1") -> Answer:
    """GET with this Authorization header."""
    return api.get(path, headers={} if value is None else {"Authorization": value})


def basic(user: str, password: str = "") -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def statements_of(act: Callable[[], Any]) -> list[str]:
    """The statements that an act sends to the database."""
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return seen


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {}"])
@pytest.mark.one_database
def test_a_key_is_taken_as_a_bearer_token(app: Flask, backend: Backend, form: str) -> None:
    person = make_person(app)

    answer = authorized(backend.api, form.format(backend.key.text), f"/users/{person.id}")

    assert (answer.status_code, answer.json["email"]) == (200, person.email)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("scheme", ["Basic", "basic"])
@pytest.mark.one_database
def test_a_key_is_taken_as_the_user_name_of_basic(app: Flask, backend: Backend, scheme: str) -> None:
    person = make_person(app)
    value = basic(backend.key.text).replace("Basic", scheme)

    assert authorized(backend.api, value, f"/users/{person.id}").status_code == 200


@pytest.mark.one_database
@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer ", "Basic", "Digest x", "otpk_x"])
def test_a_request_without_a_key_is_401_and_says_what_to_send(api: Api, value: str | None) -> None:
    answer = authorized(api, value)

    assert (answer.status_code, answer.json["code"]) == (401, "api_key_required")
    assert "otpk_" in answer.json["message"]
    assert ("The API key is empty." in answer.json["message"]) == (value in {"Bearer", "Bearer "})
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="otp_service"')


@pytest.mark.parametrize(
    "change",
    [
        lambda key: UNKNOWN,
        lambda key: key[:-1] + ("a" if key[-1] != "a" else "b"),
        lambda key: key[:5] + ("a" if key[5] != "a" else "b") + key[6:],
        lambda key: key.swapcase(),
        lambda key: f"otpk{key[4:].swapcase()}",
        lambda key: key + "a",
        lambda key: key[:-1],
        lambda key: f"{key},{key}",
        lambda key: key.replace("otpk_", "otpk_ "),
        lambda key: "otpk_",
    ],
)
@pytest.mark.one_database
def test_a_key_that_differs_anywhere_is_401(app: Flask, backend: Backend, change: Callable[[str], str]) -> None:
    answer = backend.get(f"/users/{make_person(app).id}", key=change(backend.key.text))

    assert (answer.status_code, answer.json["code"]) == (401, "invalid_api_key")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="otp_service", error="invalid_token"'


@pytest.mark.one_database
def test_basic_with_a_password_or_without_base64_is_401_and_names_both_schemes(backend: Backend) -> None:
    with_password = authorized(backend.api, basic(backend.key.text, "x"))
    others = [authorized(backend.api, value) for value in ("Basic !", basic("ada", "x"), basic(""), "Basic w6k=")]

    assert (with_password.status_code, with_password.json["code"]) == (401, "invalid_api_key")
    assert "with an empty password" in with_password.json["message"]
    assert [answer.status_code for answer in others] == [401] * 4
    assert others[3].json["message"] == "This is not an API key. API keys begin with otpk_."
    assert others[2].json["message"] == "The API key is empty."
    challenges = {answer.headers["WWW-Authenticate"] for answer in (with_password, *others)}
    assert challenges == {'Bearer realm="otp_service", error="invalid_token", Basic realm="otp_service"'}


@pytest.mark.one_database
def test_two_authorization_headers_are_401(app: Flask, backend: Backend) -> None:
    value = f"Bearer {backend.key.text}"

    answer = backend.api.send("GET", "/users/1", environ_overrides={"HTTP_AUTHORIZATION": f"{value},{value}"})

    assert answer.status_code == 401


@pytest.mark.one_database
def test_a_key_anywhere_else_is_ignored(app: Flask, backend: Backend) -> None:
    key = backend.key.text

    answers = [
        backend.api.get(f"/users/1?key={key}&access_token={key}&api_key={key}"),
        backend.api.get("/users/1", headers={"X-Api-Key": key, "Cookie": f"key={key}"}),
    ]

    assert [answer.json["code"] for answer in answers] == ["api_key_required"] * 2


@pytest.mark.one_database
def test_a_token_of_a_person_opens_no_route_for_backends(app: Flask, api: Api, sinch: Simulator) -> None:
    tokens = sign_in(api, sinch, make_person(app))

    answers = [authorized(api, f"Bearer {tokens[name]}") for name in ("token", "refreshToken")]

    assert [(answer.status_code, answer.json["code"]) for answer in answers] == [(401, "invalid_api_key")] * 2
    assert "otpk_" in answers[0].json["message"]


@pytest.mark.one_database
def test_a_key_opens_no_route_for_people(app: Flask, backend: Backend) -> None:
    paths = ("/profile", "/sessions", "/factors", "/account/events", "/account/export")

    answers = [backend.get(path) for path in paths]

    assert {(answer.status_code, answer.json["message"]) for answer in answers} == {(401, "Invalid or expired token.")}
    assert authorized(backend.api, basic(backend.key.text), "/profile").json["message"] == "Access token required."


@pytest.mark.one_database
def test_a_missing_scope_is_403_and_names_it_before_anything_else_is_looked_at(app: Flask) -> None:
    backend = Backend(app, Scope.VERIFICATIONS, Scope.USERS_WRITE, Scope.TOKENS)

    answer = backend.get("/users/no-such-user")

    assert (answer.status_code, answer.json["code"], answer.json["scope"]) == (403, "scope_missing", "users:read")
    assert 'error="insufficient_scope", scope="users:read"' in answer.headers["WWW-Authenticate"]


def test_a_disabled_app_is_401_until_it_is_enabled(app: Flask, backend: Backend) -> None:
    def status() -> int:
        return backend.get(f"/users/{person.id}").status_code

    person = make_person(app)
    with app.app_context():
        apps.disable(backend.name)
        refused = backend.get(f"/users/{person.id}")
        apps.enable(backend.name)

    assert (refused.status_code, refused.json["code"]) == (401, "app_disabled")
    assert status() == 200


def test_a_disabled_app_is_no_different_to_a_caller_without_its_secret(app: Flask, backend: Backend) -> None:
    with app.app_context():
        apps.disable(backend.name)

    answer = backend.get("/users/1", key=f"otpk_{backend.key.id}_{'b' * 43}")

    assert answer.json["code"] == "invalid_api_key"


def test_a_revoked_key_and_those_of_a_deleted_app_stop_at_once(app: Flask, backend: Backend) -> None:
    path = f"/users/{make_person(app).id}"
    with app.app_context():
        second = apps.add_key(backend.name)[1].text
        assert [backend.get(path).status_code, backend.get(path, key=second).status_code] == [200, 200]

        apps.revoke_key(backend.name, backend.key.id)
        after_revoking = [backend.get(path).status_code, backend.get(path, key=second).status_code]
        apps.remove(backend.name)

    assert after_revoking == [401, 200]
    assert backend.get(path, key=second).json["code"] == "invalid_api_key"


def test_a_check_costs_one_statement_and_one_more_in_a_new_minute(app: Flask, backend: Backend, time: Time) -> None:
    with app.app_context():

        def statements() -> int:
            return len(statements_of(lambda: app_keys.authenticate(backend.key.text, now=clock.now())))

        first = statements()
        within = statements()
        time.advance(61)
        later = statements()

    assert (first, within, later) == (2, 1, 2)


def test_what_cannot_be_a_key_costs_no_statement_and_a_wrong_one_costs_one(app: Flask, backend: Backend) -> None:
    with app.app_context():
        malformed = ("Bearer otpk_x", "Bearer eyJ.x.y", basic("otpk_x"), basic(backend.key.text, "x"), None)
        wrong = (f"Bearer {UNKNOWN}", f"Bearer otpk_{backend.key.id}_{'b' * 43}")

        assert [len(statements_of(lambda v=v: authorized(backend.api, v))) for v in malformed] == [0] * 5  # type: ignore[misc]
        assert [len(statements_of(lambda v=v: authorized(backend.api, v))) for v in wrong] == [1] * 2  # type: ignore[misc]


def test_the_last_use_is_stored_to_the_minute(app: Flask, backend: Backend, time: Time) -> None:
    def last_use() -> datetime:
        with app.app_context():
            used: datetime = fetch_all(select(AppKey.last_used_at))[0][0]
            return used

    backend.get("/users/1")
    first = last_use()
    time.advance(30)
    backend.get("/users/1")
    second = last_use()
    time.advance(31)
    backend.get("/users/1")

    assert first == second
    assert timedelta(seconds=61) <= last_use() - first < timedelta(seconds=600)
    assert first.tzinfo == UTC


def test_a_database_that_cannot_be_written_still_verifies_keys(
    app: Flask, make_app: MakeApp, backend: Backend, database_url: str
) -> None:
    if database_url.startswith("sqlite"):
        other = make_app()
        with other.app_context():
            event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
    else:
        other = make_app(DATABASE_URL=f"{database_url}?options=-c%20default_transaction_read_only%3Don")

    answer = authorized(Api(other), f"Bearer {backend.key.text}", f"/users/{make_person(app).id}")

    assert answer.status_code == 200
    with app.app_context():
        assert [row.last_used_at for row in fetch_all(select(AppKey.last_used_at))] == [None]


def test_a_key_survives_a_change_of_the_encryption_key_once_it_was_used(make_app: MakeApp) -> None:
    old, new = (b64encode(bytes([number] * 16 + list(range(16)))).decode() for number in (1, 2))
    backend = Backend(make_app(ENCRYPTION_KEY=old), Scope.USERS_READ)
    unused = make_key(make_app(ENCRYPTION_KEY=old), Scope.USERS_READ)

    during = authorized(Api(make_app(ENCRYPTION_KEY=f"{new},{old}")), f"Bearer {backend.key.text}").status_code
    after = Api(make_app(ENCRYPTION_KEY=new))

    assert during == 404
    assert authorized(after, f"Bearer {backend.key.text}").status_code == 404
    assert authorized(after, f"Bearer {unused.text}").status_code == 401


def test_requests_are_limited_per_key_whatever_the_address(make_app: MakeApp) -> None:
    app = make_app(RATE_LIMITS_ENABLED="true", RATE_LIMIT_KEY_PER_MINUTE="2", RATE_LIMIT_MAX_REQUESTS="1")
    first, second = Backend(app, Scope.USERS_READ), Backend(app, Scope.USERS_READ)

    def status(backend: Backend, address: str = "192.0.2.1") -> int:
        return backend.get("/users/1", environ_overrides={"REMOTE_ADDR": address}).status_code

    assert [status(first), status(first), status(first), status(first, "192.0.2.2")] == [404, 404, 429, 429]
    assert [status(second), status(second), status(second)] == [404, 404, 429]


@pytest.mark.one_database
def test_the_headers_show_the_standing_of_the_key(make_app: MakeApp) -> None:
    app = make_app(RATE_LIMITS_ENABLED="true", RATE_LIMIT_KEY_PER_MINUTE="2")
    backend = Backend(app, Scope.USERS_READ)

    answers = [backend.get("/users/1") for _ in range(3)]

    assert [answer.headers["RateLimit-Limit"] for answer in answers] == ["2"] * 3
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert 1 <= answers[2].json["retryAfter"] <= 60
    assert answers[2].headers["Retry-After"] == str(answers[2].json["retryAfter"])


def test_wrong_keys_are_limited_per_address_and_shut_no_backend_out(make_app: MakeApp) -> None:
    backend = Backend(make_app(RATE_LIMITS_ENABLED="true", RATE_LIMIT_MAX_REQUESTS="3"), Scope.USERS_READ)

    wrong = [
        authorized(backend.api, value).status_code for value in (f"Bearer {UNKNOWN}", "Bearer x", None, "Bearer y")
    ]

    assert wrong == [401, 401, 401, 429]
    assert backend.get("/users/1").status_code == 404


@pytest.mark.one_database
def test_a_request_that_reaches_no_view_counts_for_its_address(make_app: MakeApp) -> None:
    api = Api(make_app(RATE_LIMITS_ENABLED="true", RATE_LIMIT_MAX_REQUESTS="1"))

    statuses = [api.send("OPTIONS", "/users/1").status_code for _ in range(2)]

    assert statuses == [200, 429]


@pytest.mark.one_database
def test_a_log_line_of_a_backend_names_its_app_and_no_key(
    app: Flask, make_app: MakeApp, capfd: pytest.CaptureFixture[str]
) -> None:
    backend = Backend(make_app(LOG_LEVEL="INFO"), Scope.USERS_READ)

    backend.get(f"/users/{make_person(app).id}")
    authorized(backend.api, basic(backend.key.text, "x"))
    told = capfd.readouterr().err

    assert f'"app":"{backend.name}"' in told
    assert backend.key.secret not in told
    assert b64encode(backend.key.text.encode()).decode()[:40] not in told
