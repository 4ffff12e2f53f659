"""`flask users set-password-link` and POST /auth/set-password."""

import json

from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, log_in, make_person, sign_in
from tests.parallel import at_once

NEW = "Another-Horse-8"


def link_for(app: Flask, person: Person) -> str:
    result = app.test_cli_runner().invoke(args=["users", "set-password-link", person.email, "--json"])
    assert result.exit_code == 0, result.output
    return str(json.loads(result.stdout)["token"])


def set_password(api: Api, token: str, password: str = NEW) -> int:
    return api.post("/auth/set-password", {"token": token, "newPassword": password}).status_code


def test_a_link_sets_the_password_once(app: Flask, api: Api) -> None:
    person = make_person(app)
    token = link_for(app, person)
    assert set_password(api, token) == 204
    assert set_password(api, token) == 401
    assert api.post("/auth/login", person.credentials).status_code == 401
    assert api.post("/auth/login", {"email": person.email, "password": NEW}).status_code == 200


def test_setting_a_password_ends_sessions_and_voids_challenges(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    tokens = sign_in(api, sinch, person)
    time.advance(120)
    challenge = log_in(api, person)["challengeToken"]
    assert set_password(api, link_for(app, person)) == 204
    assert api.get("/profile", token=tokens["token"]).status_code == 401
    assert api.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).status_code == 401
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 401


def test_a_refused_password_leaves_the_link_good(app: Flask, api: Api) -> None:
    token = link_for(app, make_person(app))
    response = api.post("/auth/set-password", {"token": token, "newPassword": "weak"})
    assert (response.status_code, response.json["errors"][0]["field"]) == (400, "newPassword")
    assert set_password(api, token) == 204


def test_a_link_dies_after_a_day_and_by_a_newer_one(app: Flask, api: Api, time: Time) -> None:
    person = make_person(app)
    first, second = link_for(app, person), link_for(app, person)
    assert set_password(api, first) == 401
    time.advance(86_400)
    assert set_password(api, second) == 401


def test_of_10_parallel_uses_of_a_link_one_wins(app: Flask, api: Api) -> None:
    token = link_for(app, make_person(app))
    assert sorted(at_once(10, lambda number: set_password(api, token, f"{NEW}{number}"))) == [204] + [401] * 9


def test_a_link_leads_to_the_frontend_with_the_token_behind_the_hash(make_app: MakeApp) -> None:
    app = make_app(FRONTEND_URL="https://app.example.com")
    person = make_person(app)
    result = app.test_cli_runner().invoke(args=["users", "set-password-link", str(person.id)])
    assert result.stdout.startswith("https://app.example.com/set-password#token=lk_")
