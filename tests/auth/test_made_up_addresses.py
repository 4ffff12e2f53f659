"""What people without an account leave in the audit trail: little, and no text of their own."""

import json

from flask import Flask

from otp_service.audit import Entry
from otp_service.simulator import Simulator
from tests.conftest import MakeApp, Time
from tests.strangers import From
from tests.trail import entries

NOTE = "call +1 900 555 0199 and read out the code"


def trail(app: Flask) -> list[Entry]:
    return [entry for entry in entries(app) if entry.user_id is None]


def sign_in(client: From, number: int) -> None:
    body = {"email": f"made-up-{number}@example.com", "password": "Wrong-Horse-7"}
    headers = {"User-Agent": NOTE, "X-Request-ID": "made-up-by-a-stranger"}
    assert client.post("/auth/login", body, headers=headers).status_code == 401


def test_made_up_addresses_leave_one_event_an_hour_for_each_client(app: Flask, time: Time) -> None:
    for address in ("192.0.2.1", "192.0.2.2"):
        for number in range(10):
            sign_in(From(app, address), number)
    assert [(row.event, row.ip) for row in trail(app)] == [("login.failed", "192.0.2.1"), ("login.failed", "192.0.2.2")]

    time.advance(3_600)
    sign_in(From(app, "192.0.2.1"), 1)
    assert trail(app)[-1].facts["inTheHourBefore"] == 10


def test_the_events_hold_no_text_of_the_stranger(app: Flask) -> None:
    sign_in(From(app, "192.0.2.1"), 1)

    (row,) = trail(app)
    assert (row.agent, row.request_id) == ("", None)
    assert NOTE not in json.dumps(row.facts)


def test_codes_for_made_up_names_leave_one_event_an_hour(make_app: MakeApp, sinch: Simulator) -> None:
    app = make_app(HIDE_ACCOUNT_EXISTENCE="true")
    for number in range(10):
        body = {"email": f"made-up-{number}@example.com", "otpCode": "1234"}
        From(app, "192.0.2.1").post("/auth/verify-otp", body, headers={"User-Agent": NOTE})

    assert [(row.event, row.agent) for row in trail(app)] == [("otp.refused", "")]
