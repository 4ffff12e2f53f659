"""Ending a session: by its owner, by an operator, by deletion."""

import uuid

from flask import Flask

from otp_service import sessions
from otp_service.accounts import users
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.sessions import Caller
from tests.api import Api
from tests.parallel import at_once
from tests.sessions.conftest import SignedIn, is_open
from tests.trail import events_of


def second_session(app: Flask, alice: SignedIn) -> dict[str, str]:
    with app.app_context():
        second = Caller(alice.person.id, ("pwd", "sms"), "aal2", clock.now(), is_verified=True)
        tokens = sessions.start(second, client=COMMAND_LINE)
    return {"token": tokens.token, "refreshToken": tokens.refresh_token}


def test_logout_answers_204_without_a_body(api: Api, alice: SignedIn) -> None:
    response = api.post("/auth/logout", token=alice.token)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Cache-Control"] == "no-store"


def test_logout_ends_access_and_refresh_tokens_at_once(api: Api, alice: SignedIn) -> None:
    api.post("/auth/logout", token=alice.token)
    assert not is_open(api, alice.token)
    response = api.post("/auth/refresh", {"refreshToken": alice.refresh_token})
    assert (response.status_code, response.json["message"]) == (401, "Invalid or expired token.")


def test_a_second_logout_is_401(api: Api, alice: SignedIn) -> None:
    statuses = [api.post("/auth/logout", token=alice.token).status_code for _ in range(2)]
    assert statuses == [204, 401]


def test_logout_ends_this_session_only(app: Flask, api: Api, alice: SignedIn, bob: SignedIn) -> None:
    other = second_session(app, alice)
    api.post("/auth/logout", token=alice.token)
    assert is_open(api, other["token"])
    assert is_open(api, bob.token)
    assert api.post("/auth/refresh", {"refreshToken": other["refreshToken"]}).status_code == 200


def test_logout_ends_all_access_tokens_of_the_session(api: Api, alice: SignedIn) -> None:
    newer = api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json["token"]
    assert is_open(api, alice.token)
    api.post("/auth/logout", token=newer)
    assert not is_open(api, alice.token)


def test_logout_needs_no_verified_phone(app: Flask, api: Api, alice: SignedIn) -> None:
    assert api.post("/auth/logout", token=alice.token, data=b"", content_type="text/plain").status_code == 204


def test_of_20_parallel_logouts_each_is_answered_and_one_is_recorded(app: Flask, api: Api, alice: SignedIn) -> None:
    statuses = at_once(20, lambda _: api.post("/auth/logout", token=alice.token).status_code)
    assert set(statuses) <= {204, 401}
    assert 204 in statuses
    assert events_of(app, alice.person).count("session.ended") == 1


def test_a_logout_during_a_refresh_ends_the_session(app: Flask, api: Api, alice: SignedIn) -> None:
    for _ in range(10):
        held = second_session(app, alice)
        acts = (
            lambda held=held: api.post("/auth/refresh", {"refreshToken": held["refreshToken"]}),
            lambda held=held: api.post("/auth/logout", token=held["token"]),
        )
        refreshed, left = at_once(2, lambda number: acts[number]())
        assert left.status_code == 204
        if refreshed.status_code == 200:
            assert not is_open(api, refreshed.json["token"])
            again = api.post("/auth/refresh", {"refreshToken": refreshed.json["refreshToken"]})
            assert again.status_code == 401


def test_another_persons_session_cannot_be_ended(app: Flask, api: Api, alice: SignedIn, bob: SignedIn) -> None:
    with app.app_context():
        sessions.end(uuid.UUID(alice.answer["sessionId"]), user_id=bob.person.id, client=COMMAND_LINE)
    assert is_open(api, alice.token)


def test_locking_ends_all_sessions_of_the_person_and_no_other(
    app: Flask, api: Api, alice: SignedIn, bob: SignedIn
) -> None:
    other = second_session(app, alice)
    with app.app_context():
        users.lock(alice.person.id)
    assert [is_open(api, token) for token in (alice.token, other["token"], bob.token)] == [False, False, True]
    assert api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).status_code == 401


def test_unlocking_brings_no_session_back(app: Flask, api: Api, alice: SignedIn) -> None:
    with app.app_context():
        users.lock(alice.person.id)
        users.unlock(alice.person.id)
    assert not is_open(api, alice.token)
    assert api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).status_code == 401


def test_the_token_of_a_deleted_person_is_refused_as_any_bad_token(app: Flask, api: Api, alice: SignedIn) -> None:
    with app.app_context():
        users.remove(alice.person.id)
    assert not is_open(api, alice.token)
    assert api.post("/auth/logout", token=alice.token).status_code == 401
    response = api.post("/auth/refresh", {"refreshToken": alice.refresh_token})
    assert (response.status_code, response.json["message"]) == (401, "Invalid or expired token.")


def test_start_and_end_of_a_session_are_recorded_a_refresh_is_not(app: Flask, api: Api, alice: SignedIn) -> None:
    token = api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json["token"]
    api.post("/auth/logout", token=token)
    expected = [event for event in events_of(app, alice.person) if event.startswith("session.")]
    assert expected == ["session.ended", "session.started"]  # the newest first
