"""`POST /tokens/introspect`: a backend asks whether an access token is good at this moment (RFC 7662)."""

from typing import Any

import pytest
from flask import Flask

from otp_service import sessions
from otp_service.accounts import users
from otp_service.audit import COMMAND_LINE
from otp_service.backends.app_keys import Scope
from otp_service.core.crypto.secrets import new_token
from tests.api import Answer, Api
from tests.backends.callers import Backend, make_key
from tests.backends.tokens.bearers import Bearer, make_bearer
from tests.conftest import MakeApp, Time
from tests.round_trips import listening
from tests.sessions.forging import Forge, claims_of

PATH = "/tokens/introspect"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def backend(app: Flask) -> Backend:
    return Backend(app, Scope.TOKENS)


def introspect(backend: Backend, token: str, **more: str) -> Answer:
    return backend.send("POST", PATH, data={"token": token, **more})


def is_active(backend: Backend, token: str) -> bool:
    """Whether a token is active; if not, there is no other member."""
    answer = introspect(backend, token)
    assert answer.status_code == 200, answer.json
    assert answer.json["active"] or answer.json == {"active": False}
    return bool(answer.json["active"])


def test_a_good_token_is_active_and_says_what_it_says(app: Flask, backend: Backend) -> None:
    bearer = make_bearer(app)

    answer = introspect(backend, bearer.token)

    claims = claims_of(bearer.token)
    names = ("sub", "sid", "exp", "iat", "iss", "aud", "amr", "acr", "auth_time", "isVerified")
    assert answer.json == {"active": True, **{name: claims[name] for name in names}}
    assert (answer.json["sub"], answer.json["sid"]) == (bearer.user_id, bearer.session_id)
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_ended_session_is_inactive_at_once(app: Flask, backend: Backend) -> None:
    ended, other = make_bearer(app), make_bearer(app)
    assert is_active(backend, ended.token)

    with app.app_context():
        sessions.end(ended.caller.session_id, user_id=ended.caller.user_id, client=COMMAND_LINE)

    assert not is_active(backend, ended.token)
    assert is_active(backend, other.token)


@pytest.mark.parametrize("act", [users.lock, users.remove])
def test_a_locked_or_deleted_user_is_inactive_at_once(app: Flask, backend: Backend, act: Any) -> None:
    bearer = make_bearer(app)
    assert is_active(backend, bearer.token)

    with app.app_context():
        act(bearer.caller.user_id)

    assert not is_active(backend, bearer.token)


def test_whether_the_number_is_verified_is_said_as_it_is_now(app: Flask, backend: Backend) -> None:
    bearer = make_bearer(app)

    with app.app_context():
        users.unverify_by_operator(bearer.caller.user_id)

    assert introspect(backend, bearer.token).json["isVerified"] is False


def test_a_token_is_active_until_it_expires(app: Flask, backend: Backend, time: Time) -> None:
    bearer = make_bearer(app)

    time.advance(890)
    assert is_active(backend, bearer.token)
    time.advance(10)
    assert not is_active(backend, bearer.token)


def what_is_no_access_token(app: Flask, bearer: Bearer) -> dict[str, str]:
    forge = Forge.from_token(app, bearer.token)
    return {
        "refresh": bearer.refresh_token,
        **{kind: new_token(kind) for kind in ("rt", "ch", "dt", "kd", "lk")},
        "key": make_key(app, Scope.TOKENS).text,
        "empty": "",
        "blank": " ",
        "long": "a" * 10_000,
        "long parts": ".".join(["e" * 3_300] * 3),
        "padded": f"{bearer.token}=",
        "after a blank": f" {bearer.token}",
        "with its scheme": f"Bearer {bearer.token}",
        "NUL": f"{bearer.token}\0",
        "other digits": "１２３.é.\N{PILE OF POO}",
        "a lone surrogate": "\\ud800",
        "of another kind": forge.sign(claims={"typ": "refresh"}),
        "of another issuer": forge.sign(claims={"iss": "another"}),
        "of another key": forge.sign(key=b"k" * 32),
        "unsigned": forge.sign(header={"alg": "none"}),
        "of another user": forge.sign(claims={"sub": "999999"}),
    }


def test_what_is_no_access_token_is_inactive_and_never_an_error(app: Flask, backend: Backend) -> None:
    bearer = make_bearer(app)
    others = what_is_no_access_token(app, bearer)

    assert [name for name, text in others.items() if is_active(backend, text)] == []
    assert is_active(backend, bearer.token)


@pytest.mark.one_database
@pytest.mark.parametrize("body", [b"token=%ff%fe.a.b", b"token=\xff\xfe", b"token=%", b"token=%zz", b"token"])
def test_bytes_that_are_no_text_are_inactive(backend: Backend, body: bytes) -> None:
    answer = backend.send("POST", PATH, data=body, content_type=f"{FORM}; charset=UTF-8")

    assert (answer.status_code, answer.json) == (200, {"active": False})


@pytest.mark.one_database
def test_hints_and_other_fields_have_no_effect(app: Flask, backend: Backend) -> None:
    token = make_bearer(app).token

    for more in ({"token_type_hint": "refresh_token"}, {"token_type_hint": "nonsense"}, {"client_id": "x", "y": "z"}):
        assert introspect(backend, token, **more).json["active"] is True


@pytest.mark.one_database
@pytest.mark.parametrize(("body", "field"), [
    (b"", "token"), (b"tokn=a.b.c", "token"), (b"token=a&token=b", "token"),
    (b"token=a&token_type_hint=x&token_type_hint=y", "token_type_hint"),
])  # fmt: skip
def test_a_form_without_exactly_one_token_is_rejected(backend: Backend, body: bytes, field: str) -> None:
    answer = backend.send("POST", PATH, data=body, content_type=FORM)

    assert (answer.status_code, answer.json["code"]) == (400, "validation_failed")
    assert [fault["field"] for fault in answer.json["errors"]] == [field]


@pytest.mark.one_database
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_another_type_than_a_form_is_415_and_says_what_to_send(backend: Backend, kind: str) -> None:
    answer = backend.send("POST", PATH, data=b'{"token": "a.b.c"}', content_type=kind)

    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")
    assert answer.json["message"] == f"Send a form, with Content-Type: {FORM}."


@pytest.mark.one_database
def test_a_form_over_64_kib_is_413(backend: Backend) -> None:
    assert introspect(backend, "a" * 66_000).status_code == 413


@pytest.mark.one_database
def test_only_a_key_with_the_scope_may_ask(app: Flask, api: Api) -> None:
    token = make_bearer(app).token
    other = Backend(app, Scope.VERIFICATIONS, Scope.USERS_READ, Scope.USERS_WRITE)

    refused = introspect(other, token)

    assert (refused.status_code, refused.json["code"]) == (403, "scope_missing")
    assert api.send("POST", PATH, data={"token": token}).status_code == 401
    assert api.send("POST", PATH, data={"token": token}, token=token).status_code == 401
    assert api.send("POST", f"{PATH}?token={token}", data={}).status_code == 401


@pytest.mark.one_database
def test_a_token_in_the_query_is_ignored(app: Flask, backend: Backend) -> None:
    answer = backend.send("POST", f"{PATH}?token={make_bearer(app).token}", data={"x": "y"})

    assert answer.status_code == 400


@pytest.mark.one_database
def test_requests_count_for_the_key_and_not_for_the_address(app: Flask, make_app: MakeApp, backend: Backend) -> None:
    limited = Api(make_app(RATE_LIMITS_ENABLED="true", RATE_LIMIT_MAX_REQUESTS="2"))
    token = make_bearer(app).token
    headers = {"Authorization": f"Bearer {backend.key.text}"}

    statuses = [limited.send("POST", PATH, data={"token": token}, headers=headers).status_code for _ in range(5)]

    assert statuses == [200] * 5


@pytest.mark.one_database
def test_a_token_costs_one_statement_more_than_garbage(app: Flask, backend: Backend) -> None:
    token = make_bearer(app).token
    introspect(backend, token)  # the key's last use is noted once a minute

    with listening(app) as garbage:
        introspect(backend, "garbage")
    with listening(app) as good:
        introspect(backend, token)

    assert len(good.statements) == len(garbage.statements) + 1
