"""POST /account/password."""

from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters
from tests.accounts.moving import events
from tests.accounts.phones import COOLDOWN
from tests.api import Api
from tests.conftest import Time
from tests.factories import PASSWORD, Person, code_on_phone, log_in, make_person, sign_in
from tests.parallel import at_once

NEW = "Another-Horse-8"


@pytest.fixture
def ada(app: Flask) -> Person:
    return make_person(app)


def change(api: Api, token: str, current: str = PASSWORD, new: str = NEW) -> Any:
    return api.post("/account/password", {"currentPassword": current, "newPassword": new}, token=token)


def status_of_login(api: Api, person: Person, password: str) -> int:
    return api.post("/auth/login", {"email": person.email, "password": password}).status_code


def test_the_new_password_counts_and_the_old_one_does_not(app: Flask, api: Api, sinch: Simulator, ada: Person) -> None:
    response = change(api, sign_in(api, sinch, ada)["token"])
    assert response.status_code == 200, response.json
    assert response.headers["Cache-Control"] == "no-store"
    assert (status_of_login(api, ada, PASSWORD), status_of_login(api, ada, NEW)) == (401, 200)
    assert [event.event for event in events(app) if event.event.startswith("password")] == ["password.changed"]
    assert len(letters(api, ada.email, "password_changed")) == 1


def test_the_session_goes_on_with_new_tokens_and_the_old_ones_are_dead(api: Api, sinch: Simulator, ada: Person) -> None:
    before = sign_in(api, sinch, ada)
    after = change(api, before["token"]).json
    assert after["sessionId"] != before["sessionId"]
    assert api.post("/auth/refresh", {"refreshToken": before["refreshToken"]}).json["code"] == "invalid_token"
    assert api.get("/profile", token=after["token"]).status_code == 200
    refreshed = api.post("/auth/refresh", {"refreshToken": after["refreshToken"]})
    assert (refreshed.status_code, refreshed.json["sessionId"]) == (200, after["sessionId"])


def test_other_sessions_and_sign_ins_end(api: Api, sinch: Simulator, time: Time, ada: Person) -> None:
    elsewhere = sign_in(api, sinch, ada)
    time.advance(COOLDOWN)
    tokens = sign_in(api, sinch, ada)
    time.advance(COOLDOWN)
    challenge, code = log_in(api, ada)["challengeToken"], code_on_phone(sinch, ada)
    assert change(api, tokens["token"]).status_code == 200
    assert api.get("/profile", token=elsewhere["token"]).status_code == 401
    assert api.post("/auth/refresh", {"refreshToken": elsewhere["refreshToken"]}).status_code == 401
    assert api.post("/auth/verify-otp", {"challengeToken": challenge, "otpCode": code}).status_code == 401


@pytest.mark.parametrize("new", ["short", "alllowercase7", "Password123", PASSWORD, "x" * 5000])
@pytest.mark.one_database
def test_an_unfit_password_is_a_fault_of_its_field(
    app: Flask, api: Api, sinch: Simulator, ada: Person, new: str
) -> None:
    response = change(api, sign_in(api, sinch, ada)["token"], new=new)
    assert response.status_code == 400
    assert {fault["field"] for fault in response.json["errors"]} == {"newPassword"}


def test_a_wrong_password_is_counted_with_failed_logins(api: Api, sinch: Simulator, ada: Person) -> None:
    token = sign_in(api, sinch, ada)["token"]
    for _ in range(5):
        response = change(api, token, current="Wrong-Horse-7")
        assert (response.status_code, response.json["message"]) == (401, "Your current password is wrong.")
    assert change(api, token).json["code"] == "account_locked"
    assert status_of_login(api, ada, PASSWORD) == 429


def test_it_wants_a_fresh_sign_in(api: Api, sinch: Simulator, time: Time, ada: Person) -> None:
    token = sign_in(api, sinch, ada)["token"]
    time.advance(601)
    assert change(api, token).json["code"] == "step_up_required"


def test_of_parallel_changes_one_wins_and_its_session_lives(
    api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    tokens = []
    for _ in range(3):
        tokens.append(sign_in(api, sinch, ada)["token"])
        time.advance(COOLDOWN)
    answers = at_once(3, lambda number: change(api, tokens[number], new=f"Another-Horse-{number}8"))
    winners = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert len(winners) == 1, [answer.json for answer in answers]
    assert status_of_login(api, ada, f"Another-Horse-{winners[0]}8") == 200
    assert [api.get("/profile", token=token).status_code for token in tokens] == [401] * 3
    assert api.get("/profile", token=answers[winners[0]].json["token"]).status_code == 200
