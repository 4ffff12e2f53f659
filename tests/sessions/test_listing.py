"""GET /sessions, DELETE /sessions/{id}, POST /auth/logout-all, and the commands for operators."""

import json
import uuid
from datetime import datetime

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import Time
from tests.factories import sign_in
from tests.sessions.conftest import SignedIn, is_open


@pytest.fixture
def second(api: Api, sinch: Simulator, alice: SignedIn, time: Time) -> SignedIn:
    """Alice on another device, three minutes later."""
    time.advance(180)
    return SignedIn(alice.person, sign_in(api, sinch, alice.person))


def listed(api: Api, token: str) -> list[dict[str, object]]:
    response = api.get("/sessions", token=token)
    assert response.status_code == 200, response.json
    assert response.headers["Cache-Control"] == "no-store"
    return list(response.json["sessions"])


def test_a_session_is_shown_with_these_fields(api: Api, alice: SignedIn) -> None:
    (shown,) = listed(api, alice.token)
    assert set(shown) == {"id", "ip", "agent", "createdAt", "lastUsedAt", "current", "acr"}
    assert (shown["id"], shown["ip"], shown["current"]) == (alice.answer["sessionId"], "127.0.0.1", True)
    assert (shown["acr"], str(shown["agent"])[:8]) == ("aal2", "Werkzeug")
    assert datetime.fromisoformat(str(shown["createdAt"])).utcoffset() is not None


def test_all_own_sessions_are_listed_the_one_used_last_first(
    api: Api, alice: SignedIn, second: SignedIn, bob: SignedIn
) -> None:
    shown = [(one["id"], one["current"]) for one in listed(api, alice.token)]
    assert shown == [(second.answer["sessionId"], False), (alice.answer["sessionId"], True)]


def test_a_refresh_changes_when_where_and_by_what_a_session_was_used(api: Api, alice: SignedIn, time: Time) -> None:
    time.advance(60)
    answer = api.post("/auth/refresh", {"refreshToken": alice.refresh_token}, headers={"User-Agent": "Phone/2"}).json
    (shown,) = listed(api, answer["token"])
    assert shown["agent"] == "Phone/2"
    used, made = (datetime.fromisoformat(str(shown[name])) for name in ("lastUsedAt", "createdAt"))
    assert 60 <= (used - made).total_seconds() < 90


def test_ended_and_expired_sessions_are_not_listed(api: Api, alice: SignedIn, second: SignedIn) -> None:
    api.post("/auth/logout", token=alice.token)
    assert [one["id"] for one in listed(api, second.token)] == [second.answer["sessionId"]]


def test_another_own_session_can_be_ended(api: Api, alice: SignedIn, second: SignedIn) -> None:
    response = api.send("DELETE", f"/sessions/{alice.answer['sessionId']}", token=second.token)
    assert (response.status_code, response.data) == (204, b"")
    assert [is_open(api, token) for token in (alice.token, second.token)] == [False, True]
    assert api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).status_code == 401


def test_the_own_session_can_be_ended_by_its_id(api: Api, alice: SignedIn) -> None:
    assert api.send("DELETE", f"/sessions/{alice.answer['sessionId']}", token=alice.token).status_code == 204
    assert not is_open(api, alice.token)


def test_another_persons_session_is_not_found_and_stays(api: Api, alice: SignedIn, bob: SignedIn) -> None:
    responses = [
        api.send("DELETE", f"/sessions/{named}", token=alice.token)
        for named in (bob.answer["sessionId"], uuid.uuid4(), bob.answer["sessionId"].upper())
    ]
    assert [(r.status_code, r.json["code"]) for r in responses] == [(404, "session_not_found")] * 3
    assert is_open(api, bob.token)


def test_a_session_that_ended_is_not_found(api: Api, alice: SignedIn, second: SignedIn) -> None:
    path = f"/sessions/{alice.answer['sessionId']}"
    assert [api.send("DELETE", path, token=second.token).status_code for _ in range(2)] == [204, 404]


@pytest.mark.parametrize("named", ["1", "x", "' OR 1=1", "%00", "../profile"])
@pytest.mark.each_case
def test_what_is_no_id_is_not_found(api: Api, alice: SignedIn, named: str) -> None:
    assert api.send("DELETE", f"/sessions/{named}", token=alice.token).status_code in {404, 405}


def test_logout_all_ends_every_session_of_the_person_and_no_other(
    api: Api, alice: SignedIn, second: SignedIn, bob: SignedIn
) -> None:
    response = api.post("/auth/logout-all", token=alice.token)
    assert (response.status_code, response.data) == (204, b"")
    assert [is_open(api, token) for token in (alice.token, second.token, bob.token)] == [False, False, True]
    assert api.post("/auth/refresh", {"refreshToken": second.refresh_token}).status_code == 401


def test_the_command_lists_sessions_of_all_or_of_one(app: Flask, alice: SignedIn, bob: SignedIn) -> None:
    run = app.test_cli_runner()
    everybody = json.loads(run.invoke(args=["sessions", "list", "--json"]).output)
    assert {one["userId"] for one in everybody} == {alice.person.id, bob.person.id}
    (one,) = json.loads(run.invoke(args=["sessions", "list", "--user", alice.person.email, "--json"]).output)
    assert (one["id"], one["amr"]) == (alice.answer["sessionId"], "pwd sms")
    assert alice.answer["sessionId"] in run.invoke(args=["sessions", "list"]).output


def test_the_command_says_when_there_are_no_sessions(app: Flask) -> None:
    assert "No live sessions." in app.test_cli_runner().invoke(args=["sessions", "list"]).output


def test_the_command_ends_the_sessions_of_one_user(app: Flask, api: Api, alice: SignedIn, bob: SignedIn) -> None:
    result = app.test_cli_runner().invoke(args=["sessions", "revoke", "--user", alice.person.phone_number])
    assert (result.exit_code, result.output) == (0, "Ended 1 session.\n")
    assert [is_open(api, token) for token in (alice.token, bob.token)] == [False, True]


def test_the_command_ends_everybodys_sessions_once_it_was_asked_twice(
    app: Flask, api: Api, alice: SignedIn, bob: SignedIn
) -> None:
    run = app.test_cli_runner()
    assert run.invoke(args=["sessions", "revoke", "--all"], input="n\n").exit_code == 1
    assert is_open(api, alice.token)
    assert run.invoke(args=["sessions", "revoke", "--all", "--yes"]).output == "Ended 2 sessions.\n"
    assert [is_open(api, token) for token in (alice.token, bob.token)] == [False, False]
    assert api.post("/auth/refresh", {"refreshToken": bob.refresh_token}).status_code == 401


@pytest.mark.parametrize("options", [[], ["--all", "--user", "1"]])
def test_the_command_wants_to_know_whose_sessions_end(app: Flask, options: list[str]) -> None:
    result = app.test_cli_runner().invoke(args=["sessions", "revoke", *options])
    assert (result.exit_code, "Say either --user WHO or --all." in result.output) == (2, True)
