"""Families of refresh tokens: what happens when one comes twice."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from otp_service.core.crypto.secrets import Keyring
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.core.services import services_of
from otp_service.extensions import db
from otp_service.sessions.models import Session
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.parallel import ROUNDS, at_once
from tests.sessions.conftest import SignedIn, refreshed
from tests.trail import entries

TOGETHER = 50
REUSED = (401, "token_reused")
INVALID = (401, "invalid_token")


def refusal(api: Api, token: str) -> tuple[int, str]:
    response = api.post("/auth/refresh", {"refreshToken": token})
    return response.status_code, (response.json or {}).get("code", "")


def session_of(app: Flask, alice: SignedIn) -> Any:
    columns = (Session.generation, Session.ended_at, Session.refresh_hash)
    with app.app_context():
        return fetch_one(select(*columns).where(Session.user_id == alice.person.id))


@pytest.mark.race
def test_of_50_parallel_refreshes_all_get_one_successor_and_the_family_moves_one_step(
    app: Flask, api: Api, alice: SignedIn
) -> None:
    token = alice.refresh_token
    for round_number in range(1, ROUNDS + 1):
        answers = at_once(TOGETHER, lambda _: refreshed(api, token)["refreshToken"])
        assert len(set(answers)) == 1
        assert session_of(app, alice).generation == round_number
        token = answers[0]
    assert refreshed(api, token)["sessionId"] == alice.answer["sessionId"]


def test_a_lost_answer_may_be_asked_for_again_within_ten_seconds(api: Api, alice: SignedIn, time: Time) -> None:
    lost = refreshed(api, alice.refresh_token)
    time.advance(9)
    again = refreshed(api, alice.refresh_token)
    assert again["refreshToken"] == lost["refreshToken"]
    assert again["token"] != lost["token"]
    assert refreshed(api, again["refreshToken"])["refreshToken"] != again["refreshToken"]


def test_asking_again_does_not_move_the_family_on(app: Flask, api: Api, alice: SignedIn) -> None:
    for _ in range(5):
        refreshed(api, alice.refresh_token)
    assert session_of(app, alice).generation == 1


def test_a_token_that_comes_again_after_ten_seconds_ends_the_session(api: Api, alice: SignedIn, time: Time) -> None:
    newest = refreshed(api, alice.refresh_token)
    time.advance(11)
    response = api.post("/auth/refresh", {"refreshToken": alice.refresh_token})
    assert (response.status_code, response.json["code"]) == REUSED
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert refusal(api, newest["refreshToken"]) == INVALID
    assert api.get("/profile", token=newest["token"]).status_code == 401


def test_a_token_whose_successor_was_used_ends_the_session_even_within_ten_seconds(api: Api, alice: SignedIn) -> None:
    second = refreshed(api, alice.refresh_token)
    third = refreshed(api, second["refreshToken"])
    assert refusal(api, alice.refresh_token) == REUSED
    assert refusal(api, third["refreshToken"]) == INVALID


@pytest.mark.parametrize("age", [2, 3, 6])
def test_any_older_token_of_the_family_ends_the_session(api: Api, alice: SignedIn, age: int) -> None:
    family = [alice.refresh_token]
    for _ in range(6):
        family.append(refreshed(api, family[-1])["refreshToken"])
    assert refusal(api, family[-1 - age]) == REUSED
    assert refusal(api, family[-1]) == INVALID


def test_a_second_reuse_is_a_token_of_an_ended_session(api: Api, alice: SignedIn, time: Time) -> None:
    refreshed(api, alice.refresh_token)
    time.advance(60)
    assert [refusal(api, alice.refresh_token) for _ in range(2)] == [REUSED, INVALID]


def test_a_reuse_is_recorded_once_however_many_come(app: Flask, api: Api, alice: SignedIn, time: Time) -> None:
    refreshed(api, alice.refresh_token)
    time.advance(60)
    answers = at_once(20, lambda _: refusal(api, alice.refresh_token))
    assert set(answers) <= {REUSED, INVALID}
    recorded = [entry.facts for entry in entries(app) if entry.event == "session.token_reused"]
    assert recorded == [{"sessionId": alice.answer["sessionId"]}]


def test_a_reuse_ends_no_other_session(api: Api, alice: SignedIn, bob: SignedIn, time: Time) -> None:
    refreshed(api, alice.refresh_token)
    time.advance(60)
    assert refusal(api, alice.refresh_token) == REUSED
    assert refreshed(api, bob.refresh_token)["sessionId"] == bob.answer["sessionId"]


def test_a_refresh_while_a_copy_is_used_ends_the_session(app: Flask, api: Api, alice: SignedIn, time: Time) -> None:
    newest = refreshed(api, alice.refresh_token)["refreshToken"]
    time.advance(60)
    at_once(2, lambda number: refusal(api, (alice.refresh_token, newest)[number]))
    assert session_of(app, alice).ended_at is not None


@pytest.mark.parametrize("change", ["first", "generation", "mac", "no mac", "leading zero", "longer", "empty mac"])
def test_an_altered_successor_is_unknown_and_ends_no_session(api: Api, alice: SignedIn, change: str) -> None:
    token = refreshed(api, alice.refresh_token)["refreshToken"]
    first, generation, mac = token.split(".")
    altered = {
        "first": f"rt_{first[:2:-1]}.{generation}.{mac}",
        "generation": f"{first}.2.{mac}",
        "mac": f"{first}.{generation}.{mac[::-1]}",
        "no mac": f"{first}.{generation}",
        "leading zero": f"{first}.0{generation}.{mac}",
        "longer": f"{token}.{mac}",
        "empty mac": f"{first}.{generation}.",
    }[change]
    assert refusal(api, altered) == INVALID
    refreshed(api, token)


def test_the_generation_after_the_live_one_cannot_be_guessed(app: Flask, api: Api, alice: SignedIn) -> None:
    foreign = Keyring((b"another key of thirty-two bytes!",))
    signed = f"{alice.refresh_token}.1"
    mac = foreign.digest(signed, purpose="refresh token generation")
    assert refusal(api, f"{signed}.{mac}") == INVALID


def test_a_token_from_the_future_of_a_restored_database_is_invalid(app: Flask, api: Api, alice: SignedIn) -> None:
    newest = refreshed(api, refreshed(api, alice.refresh_token)["refreshToken"])["refreshToken"]
    with app.app_context(), transaction():
        execute(update(Session).values(generation=0))
    assert refusal(api, newest) == INVALID
    refreshed(api, alice.refresh_token)


def test_after_a_change_of_keys_the_old_tokens_are_good_for_one_more_refresh(
    app: Flask, make_app: MakeApp, api: Api, alice: SignedIn
) -> None:
    token = refreshed(api, alice.refresh_token)["refreshToken"]
    old = services_of(app).settings.encryption_keys[0]
    new = Api(make_app(ENCRYPTION_KEY=f"{encoded(bytes(range(100, 132)))},{encoded(old)}"))
    moved = refreshed(new, token)["refreshToken"]
    alone = Api(make_app(ENCRYPTION_KEY=encoded(bytes(range(100, 132)))))
    refreshed(alone, moved)


def encoded(key: bytes) -> str:
    import base64

    return base64.b64encode(key).decode()


def test_a_session_may_be_refreshed_30_times_a_minute(make_app: MakeApp, alice: SignedIn, time: Time) -> None:
    api = Api(make_app(RATE_LIMITS_ENABLED="true", TRUSTED_PROXY_COUNT="1"))
    token, statuses = alice.refresh_token, []
    for number in range(31):
        headers = {"X-Forwarded-For": f"192.0.2.{number}"}
        response = api.post("/auth/refresh", {"refreshToken": token}, headers=headers)
        statuses.append(response.status_code)
        token = response.json.get("refreshToken", token)
    assert statuses == [200] * 30 + [429]
    assert (response.json["code"], response.json["retryAfter"] in range(50, 61)) == ("rate_limited", True)
    time.advance(61)
    refreshed(api, token)


def test_the_limit_of_one_session_leaves_others_alone(make_app: MakeApp, alice: SignedIn, bob: SignedIn) -> None:
    settings = {"RATE_LIMITS_ENABLED": "true", "TRUSTED_PROXY_COUNT": "1", "RATE_LIMIT_REFRESH_PER_MINUTE": "1"}
    api = Api(make_app(**settings))
    tokens = [alice.refresh_token, "", bob.refresh_token]
    statuses = []
    for number in range(3):
        body = {"refreshToken": tokens[number]}
        response = api.post("/auth/refresh", body, headers={"X-Forwarded-For": f"192.0.2.{number}"})
        statuses.append(response.status_code)
        tokens[1] = tokens[1] or response.json["refreshToken"]
    assert statuses == [200, 429, 200]


def test_a_refresh_asks_the_database_one_thing(app: Flask, api: Api, alice: SignedIn) -> None:
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement.split(maxsplit=1)[0])

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        refreshed(api, alice.refresh_token)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert [word for word in asked if word != "BEGIN"] == ["UPDATE"]


DAY = int(timedelta(days=1).total_seconds())


def test_a_session_that_is_not_refreshed_for_30_days_has_ended(api: Api, alice: SignedIn, time: Time) -> None:
    time.advance(30 * DAY)
    assert refusal(api, alice.refresh_token) == INVALID
    assert api.get("/profile", token=alice.token).status_code == 401


def test_a_session_ends_after_30_days_however_often_it_is_refreshed(api: Api, alice: SignedIn, time: Time) -> None:
    token = alice.refresh_token
    for _ in range(2):
        time.advance(14 * DAY)
        token = refreshed(api, token)["refreshToken"]
    time.advance(2 * DAY)
    assert refusal(api, token) == INVALID


def test_in_the_strict_profile_a_session_lies_unused_for_less_than_an_hour(
    make_app: MakeApp, alice: SignedIn, time: Time
) -> None:
    strict = Api(make_app(SECURITY_PROFILE="strict"))
    time.advance(3_590)
    answer = refreshed(strict, alice.refresh_token)
    time.advance(3_601)
    assert refusal(strict, answer["refreshToken"]) == INVALID


def test_an_idle_session_is_closed_to_access_tokens_as_well(make_app: MakeApp, alice: SignedIn, time: Time) -> None:
    api = Api(make_app(REFRESH_IDLE="60s"))
    time.advance(59)
    assert api.get("/profile", token=alice.token).status_code == 200
    time.advance(2)
    assert api.get("/profile", token=alice.token).status_code == 401


def test_the_last_moment_of_a_session_is_set_when_it_starts(
    make_app: MakeApp, app: Flask, api: Api, alice: SignedIn, time: Time
) -> None:
    with app.app_context(), transaction():
        row = fetch_one(select(Session.created_at))
        assert row is not None
        execute(update(Session).values(expires_at=row.created_at + timedelta(seconds=60)))
    token = refreshed(api, alice.refresh_token)["refreshToken"]
    time.advance(61)
    assert refusal(api, token) == INVALID


def test_an_ended_session_is_not_refreshed_within_the_grace_either(api: Api, alice: SignedIn) -> None:
    answer = refreshed(api, alice.refresh_token)
    api.post("/auth/logout", token=answer["token"])
    assert refusal(api, alice.refresh_token) == INVALID
    assert refusal(api, answer["refreshToken"]) == INVALID
