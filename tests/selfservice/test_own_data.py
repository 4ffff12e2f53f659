"""PATCH /profile, GET /account/events."""

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.conftest import Time
from tests.factories import Person, code_on_phone, log_in, make_person, sign_in
from tests.trail import events_of

ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


def test_a_language_tag_with_an_extension_reaches_sinch_as_language_and_region(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    token = sign_in(api, sinch, person)["token"]

    response = api.send("PATCH", "/profile", token=token, json={"locale": "en-US-u-hc-h12"})

    assert response.json["user"]["locale"] == "en-US-u-hc-h12"
    time.advance(121)
    assert log_in(api, person)["message"] == "Login successful. OTP sent for verification."
    assert log_in_by_call(api, sinch, person, time).status_code == 200


def log_in_by_call(api: Api, sinch: Simulator, person: Person, time: Time) -> Answer:
    time.advance(121)
    return api.post("/auth/request-otp", {"email": person.email, "channel": "callout"})


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
@pytest.mark.one_database
def test_nothing_else_can_be_edited(app: Flask, api: Api, sinch: Simulator, body: dict[str, object]) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    assert api.send("PATCH", "/profile", token=token, json=body).status_code == 400


@pytest.mark.parametrize(
    "name", ["a\x1b[2J", "a\nb", "a\x9bb", "a\u202eb", "a\u2066b", "a\u2028b", "a\ufeffb", "a\u200bb", "\U000e0041"]
)
@pytest.mark.one_database
def test_a_name_that_steers_a_terminal_or_turns_a_line_around_is_refused(
    app: Flask, api: Api, sinch: Simulator, name: str
) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    response = api.send("PATCH", "/profile", token=token, json={"displayName": name})
    assert (response.status_code, response.json["errors"]) == (
        400, [{"field": "displayName", "message": "Provide a name without control characters."}],
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["Zoë O'Neil-Łącki", "\u0646\u200c\u0645", "👩\u200d🔬", "\u200fדנה", "名前 さん", ENGLAND]
)
@pytest.mark.each_case
def test_names_of_all_scripts_are_taken_as_they_are(app: Flask, api: Api, sinch: Simulator, name: str) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    response = api.send("PATCH", "/profile", token=token, json={"displayName": name})
    assert response.json["user"]["displayName"] == name


def test_a_person_reads_what_happened_newest_first(app: Flask, api: Api, sinch: Simulator) -> None:
    person, stranger = make_person(app), make_person(app)
    sign_in(api, sinch, stranger)
    token = sign_in(api, sinch, person)["token"]
    answer = api.get("/account/events", token=token).json
    names = [event["event"] for event in answer["events"]]
    assert names == ["session.started", "phone.verified", "otp.requested", "user.registered"]
    assert answer["next"] is None
    assert {"at", "event", "ip", "agent"} <= set(answer["events"][0])


def test_a_sign_in_by_code_is_two_events_with_all_that_happened(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    sign_in(api, sinch, person)
    time.advance(121)

    tokens = sign_in(api, sinch, person)

    events = api.get("/account/events", token=tokens["token"]).json["events"][:2]
    code_ids = {event["facts"].pop("verificationId") for event in events}
    assert len(code_ids) == 1
    assert [(event["event"], event["facts"]) for event in events] == [
        (
            "session.started",
            {
                "sessionId": tokens["sessionId"],
                "amr": ["pwd", "sms"],
                "acr": "aal2",
                "factor": "phone",
                "channel": "sms",
            },
        ),
        ("otp.requested", {"channel": "sms", "country": "US", "passwordAccepted": True}),
    ]


def test_a_right_password_that_sends_no_code_is_an_event_of_its_own(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    token = sign_in(api, sinch, person)["token"]

    log_in(api, person)  # within the cooldown

    assert api.get("/account/events", token=token).json["events"][0]["event"] == "login.password_accepted"


def test_a_code_by_name_says_which_phone_was_verified_and_later_that_it_was_shown(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)

    for _ in range(2):
        api.post("/auth/request-otp", {"email": person.email})
        api.post("/auth/verify-otp", {"email": person.email, "otpCode": code_on_phone(sinch, person)})
        time.advance(121)

    first, later = ["otp.requested", "phone.verified", "otp.verified"], ["otp.requested", "otp.verified"]
    assert events_of(app, person)[::-1][1:] == [*first, *later]


def test_many_events_come_in_pages(app: Flask, api: Api, sinch: Simulator) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    had = len(api.get("/account/events", token=token).json["events"])
    for number in range(60):
        api.send("PATCH", "/profile", token=token, json={"displayName": str(number)})
        if had + number + 1 == 50:
            full = api.get("/account/events", token=token).json
    assert (len(full["events"]), full["next"]) == (50, None)
    first = api.get("/account/events", token=token).json
    second = api.get(f"/account/events?cursor={first['next']}", token=token).json
    assert (len(first["events"]), len(second["events"]), second["next"]) == (50, 14, None)
    assert first["events"][-1]["at"] >= second["events"][0]["at"]
    assert api.get("/account/events?cursor=x", token=token).status_code == 400
