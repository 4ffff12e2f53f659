"""`flask users unverify`."""

import json

from flask import Flask

from otp_service.simulator import Simulator
from tests.accounts.moving import events, flask_users
from tests.api import Api
from tests.conftest import Time
from tests.factories import make_person, sign_in


def test_an_unverified_number_closes_the_profile_and_ends_no_session(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    tokens = sign_in(api, sinch, person)
    assert api.get("/profile", token=tokens["token"]).status_code == 200
    shown = flask_users(app, "unverify", person.phone_number, "--json")
    assert (shown.exit_code, json.loads(shown.stdout)["isVerified"]) == (0, False)
    assert api.get("/profile", token=tokens["token"]).status_code == 403
    assert api.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).status_code == 200
    time.advance(120)
    assert api.get("/profile", token=sign_in(api, sinch, person)["token"]).status_code == 200


def test_it_is_in_the_audit_trail(app: Flask) -> None:
    person = make_person(app, is_verified=True)
    flask_users(app, "unverify", person.email)
    assert (events(app)[-1].event, events(app)[-1].user_id) == ("user.unverified_by_operator", person.id)


def test_nobody_cannot_be_unverified(app: Flask) -> None:
    assert flask_users(app, "unverify", "nobody@example.com").exit_code == 1
