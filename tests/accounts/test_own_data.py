"""PATCH /profile, GET /account/events."""

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.factories import make_person, sign_in


def test_a_person_edits_name_and_language(app: Flask, api: Api, sinch: Simulator) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    response = api.send("PATCH", "/profile", token=token, json={"displayName": "Ada", "locale": "pt-BR"})
    assert response.status_code == 200
    assert (response.json["user"]["displayName"], response.json["user"]["locale"]) == ("Ada", "pt-BR")
    response = api.send("PATCH", "/profile", token=token, json={"displayName": None})
    assert (response.json["user"]["displayName"], response.json["user"]["locale"]) == (None, "pt-BR")


@pytest.mark.parametrize(
    "body", [{"displayName": ""}, {"displayName": "x" * 101}, {"locale": "!"}, {"email": "a@b.example"}, {"locale": 7}]
)
def test_nothing_else_can_be_edited(app: Flask, api: Api, sinch: Simulator, body: dict[str, object]) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    assert api.send("PATCH", "/profile", token=token, json=body).status_code == 400


def test_a_person_reads_what_happened_newest_first(app: Flask, api: Api, sinch: Simulator) -> None:
    person, stranger = make_person(app), make_person(app)
    sign_in(api, sinch, stranger)
    token = sign_in(api, sinch, person)["token"]
    answer = api.get("/account/events", token=token).json
    names = [event["event"] for event in answer["events"]]
    assert names == ["session.started", "otp.verified", "otp.requested", "login.password_accepted", "user.registered"]
    assert answer["next"] is None
    assert {"at", "event", "ip", "agent"} <= set(answer["events"][0])


def test_many_events_come_in_pages(app: Flask, api: Api, sinch: Simulator) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    for number in range(60):
        api.send("PATCH", "/profile", token=token, json={"displayName": str(number)})
    first = api.get("/account/events", token=token).json
    second = api.get(f"/account/events?cursor={first['next']}", token=token).json
    assert (len(first["events"]), len(second["events"]), second["next"]) == (50, 15, None)
    assert first["events"][-1]["at"] >= second["events"][0]["at"]
    assert api.get("/account/events?cursor=x", token=token).status_code == 400
