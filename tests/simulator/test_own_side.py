"""The simulator's own side: inbox, clock, calls, invoice; and its settings."""

import csv
import io
import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from otp_service.simulator import Simulator, SimulatorSettings
from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET
from tests.simulator.caller import KEY, PATH, PHONE, SECRET, Caller, assert_refused
from tests.simulator.conftest import MakePlace

OTHER_PHONE = "+14155552671"


def inbox(caller: Caller, query: Any = "") -> Any:
    answer = caller.send("GET", f"/inbox.json{query}")
    assert answer.status_code == 200
    return answer.json()["messages"]


def test_the_inbox_has_the_promised_fields_newest_first(sim: Simulator, caller: Caller) -> None:
    first = caller.started(reference="r-1")
    caller.started("flashcall", OTHER_PHONE)
    newest, oldest = inbox(caller)
    assert [newest["to"], oldest["to"]] == [OTHER_PHONE, PHONE]
    assert set(oldest) == {"id", "to", "channel", "text", "code", "cli", "at", "verificationId", "reference"}
    assert (oldest["verificationId"], oldest["reference"], newest["reference"]) == (first, "r-1", None)
    assert datetime.fromisoformat(oldest["at"]).tzinfo is not None
    assert inbox(caller) == sim.inbox()


@pytest.mark.parametrize(
    "query", ["?to=%2B12025550134", "?to=+12025550134", "?to=12025550134", "?to=+1%20202-555-0134"]
)
def test_the_inbox_of_one_phone_is_found_however_its_number_is_written(caller: Caller, query: Any) -> None:
    caller.started()
    caller.started(number=OTHER_PHONE)
    assert [message["to"] for message in inbox(caller, query)] == [PHONE]


def test_a_phone_without_messages_has_an_empty_inbox(sim: Simulator, caller: Caller) -> None:
    assert inbox(caller, "?to=%2B46700000000") == []
    assert sim.inbox("+46700000000") == []


def test_an_empty_filter_shows_every_phone(caller: Caller) -> None:
    caller.started()
    assert len(inbox(caller, "?to=")) == 1


def test_the_inbox_can_be_cleared_and_the_verification_lives_on(sim: Simulator, caller: Caller) -> None:
    identifier = caller.started()
    assert caller.send("DELETE", "/inbox").status_code == 204
    assert (inbox(caller), sim.inbox(PHONE)) == ([], [])
    assert caller.status(identifier)["status"] == "PENDING"
    caller.started()
    sim.clear_inbox()
    assert sim.inbox() == []


def test_the_oldest_messages_are_forgotten_when_memory_is_full(place: MakePlace) -> None:
    sim, caller = place(max_messages=2)
    for digit in range(4):
        caller.started(number=f"+1202555013{digit}")
    assert [message["to"][-1] for message in sim.inbox()] == ["3", "2"]
    assert sim.inbox("+12025550130") == []


def test_the_page_shows_what_phones_received_and_can_be_filtered(sim: Simulator, caller: Caller) -> None:
    caller.started()
    caller.started("callout", OTHER_PHONE)
    everything = caller.send("GET", "/inbox").text
    one = caller.send("GET", "/inbox?to=%2B12025550134").text
    codes = {message["to"]: message["code"] for message in sim.inbox()}
    assert codes[PHONE] in everything
    assert codes[OTHER_PHONE] in everything
    assert f">{codes[PHONE]}<" in one
    assert f">{codes[OTHER_PHONE]}<" not in one
    assert "1 message for +12025550134" in one


def test_the_page_escapes_whatever_it_shows(caller: Caller) -> None:
    attack = '"><script>alert(1)</script>'
    caller.started(reference=attack, smsOptions={"template": f"{attack}{{{{CODE}}}}", "code": "1"})
    for path in ("/inbox", "/inbox?to=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"):
        page = caller.send("GET", path).text
        assert "<script>alert" not in page
        assert page.count("<script") == 1


def test_the_page_allows_nothing_from_elsewhere(caller: Caller) -> None:
    answer = caller.send("GET", "/inbox")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)
    assert not re.search(r"\son\w+=|style=", answer.text)
    for path in re.findall(r"(?:src|href)=\"(/[^\"?]+\.(?:js|css))\"", answer.text):
        asset = caller.send("GET", path)
        assert (asset.status_code, asset.headers["X-Content-Type-Options"]) == (200, "nosniff")


def test_an_empty_inbox_says_what_to_do_next(sim: Simulator, caller: Caller) -> None:
    page = caller.send("GET", "/inbox").text
    assert "No messages yet" in page
    assert f"SINCH_BASE_URL={sim.base_url}" in page
    filtered = caller.send("GET", "/inbox?to=%2B46700000000").text
    assert "No messages for +46700000000 yet" in filtered


def test_the_page_is_bounded(caller: Caller, sim: Simulator) -> None:
    for digit in range(201):
        caller.started(number=f"+12025550{digit:03}")
    page = caller.send("GET", "/inbox").text
    assert (page.count("<article"), "The newest 200 messages" in page) == (200, True)
    assert len(sim.inbox()) == 201


def test_the_front_door_leads_to_the_inbox(caller: Caller) -> None:
    answer = caller.send("GET", "/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/inbox")


def test_the_clock_can_be_advanced_over_http(caller: Caller) -> None:
    identifier = caller.started()
    answer = caller.put("/simulator/clock", {"advanceSeconds": 300.5})
    assert answer.json()["advancedSeconds"] == 300.5
    assert caller.status(identifier)["reason"] == "Expired"


@pytest.mark.parametrize(
    "document", [{}, {"advanceSeconds": -1}, {"advanceSeconds": "9"}, {"advanceSeconds": True}, []]
)
def test_the_clock_refuses_what_is_no_time(caller: Caller, document: Any) -> None:
    assert_refused(caller.put("/simulator/clock", document), 40001)


def test_the_clock_refuses_infinity(caller: Caller) -> None:
    for body in (b'{"advanceSeconds": Infinity}', b'{"advanceSeconds": NaN}', b'{"advanceSeconds": 1e300}'):
        assert_refused(caller.send("PUT", "/simulator/clock", body), 40001)


def test_every_provider_call_is_noted_even_a_refused_one(sim: Simulator, caller: Caller) -> None:
    identifier = caller.started()
    caller.report(identifier, "0000")
    caller.status(identifier)
    caller.send("POST", PATH, b"nonsense")
    assert [call.operation for call in sim.calls] == ["start", "report", "status", "start"]
    assert [call.number for call in sim.calls] == [PHONE, PHONE, PHONE, None]
    assert [call.has_credentials for call in sim.calls] == [True, True, True, False]
    assert (sim.count("start"), sim.count("start", PHONE), sim.count("report", OTHER_PHONE)) == (2, 1, 0)


def test_calls_can_be_listed_and_forgotten_over_http(sim: Simulator, caller: Caller) -> None:
    caller.started()
    document = caller.send("GET", "/simulator/calls").json()
    assert document["counts"]["start"] == 1
    assert (document["calls"][0]["operation"], document["calls"][0]["number"]) == ("start", PHONE)
    assert caller.send("DELETE", "/simulator/calls").status_code == 204
    assert sim.calls == []
    caller.started()
    sim.clear_calls()
    assert caller.send("GET", "/simulator/calls").json()["counts"]["start"] == 0


def test_the_invoice_lists_what_was_delivered_to_the_exact_amount(sim: Simulator, caller: Caller) -> None:
    first = caller.started(reference="r,1")
    caller.report(first, sim.inbox()[0]["code"])
    caller.started("callout", "+491701234567")
    caller.started("sms", "+6281234567890")
    caller.started("sms", "+3545551234")
    sim.set_fault("denied", "start")
    caller.start()
    answer = caller.send("GET", "/simulator/invoice.csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["verificationId", "reference", "to", "channel", "country", "price", "currency", "status", "at"]
    assert rows[1][:8] == [first, "r,1", PHONE, "sms", "US", "0.0445", "EUR", "SUCCESSFUL"]
    assert [row[4:6] for row in rows[2:]] == [["DE", "0.1200"], ["ID", "0.3100"], ["IS", "0.0800"]]
    assert sum(line.price for line in sim.invoice()) == Decimal("0.5545")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"


def test_an_answer_that_was_lost_is_billed_all_the_same(sim: Simulator, caller: Caller) -> None:
    sim.set_fault("reset", "start")
    with pytest.raises(requests.ConnectionError):
        caller.start()
    assert [line.price for line in sim.invoice()] == [Decimal("0.0445")]


@pytest.mark.parametrize(
    ("verb", "path", "allowed"), [("POST", "/inbox.json", "GET"), ("GET", "/simulator/clock", "PUT")]
)
def test_a_wrong_verb_is_told_the_right_one(caller: Caller, verb: Any, path: Any, allowed: Any) -> None:
    answer = caller.send(verb, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/nothing", "/verification/v1/verificationsX", "/inbox/../etc/passwd", "/inbox.html"])
def test_an_unknown_path_is_404(caller: Caller, path: Any) -> None:
    assert_refused(caller.send("GET", path), 40400)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"key": ""}, "key"),
        ({"key": "a:b"}, "key"),
        ({"secret": "no base64!"}, "secret"),
        ({"secret": "abcde"}, "secret"),
        ({"expiry_seconds": 0}, "expiry_seconds"),
        ({"max_messages": 0}, "max_messages"),
        ({"minimum_auth": "none"}, "minimum_auth"),
        ({"report_after_end": "ok"}, "report_after_end"),
        ({"callback_url": "ftp://x"}, "callback_url"),
        ({"state_path": "/nowhere/at/all.db"}, "state_path"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(place: MakePlace, changes: Any, named: Any) -> None:
    from otp_service.simulator import Simulator

    with pytest.raises(ValueError, match=f"^{named}: "):
        Simulator(SimulatorSettings(**{"key": KEY, "secret": SECRET, **changes}))


def test_the_demo_credentials_are_good_settings_and_look_like_none_of_anybodys() -> None:
    settings = SimulatorSettings(DEMO_KEY, DEMO_SECRET)
    assert settings.secret_bytes() == b"not-a-real-sinch-secret"
    assert "demo" in settings.key
