"""Who may call: the three schemes, signatures by the published vectors, and stale timestamps."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from otp_service.simulator import Simulator, SimulatorSettings
from otp_service.simulator.http.authorization import SignedParts, content_md5, signature
from tests.simulator.caller import (
    KEY,
    PATH,
    PHONE,
    SECRET,
    Caller,
    assert_refused,
    authorization,
    report_body,
    stamp_now,
    start_body,
)
from tests.simulator.conftest import MakePlace

CALLBACK_BODY = (
    b'{"event":"ace","callid":"822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257",'
    b'"timestamp":"2014-09-24T10:59:41Z","version":1}'
)
CAPTURED_BODY = (
    b'{"id":"018c25e1-7163-5677-b8fb-467d7b1cffa5","event":"VerificationResultEvent","method":"sms",'
    b'"identity":{"verified":false,"type":"number","endpoint":"+33628254417"},"status":"FAIL","reason":"Expired"}'
)
START = b'{"identity":{"type":"number","endpoint":"+46700000000"},"method":"sms"}'
REPORT = b'{"method":"sms","sms":{"code":"1234"}}'
OLD_TIME = "2014-06-04T13:41:58Z"
STATUS_PATH = f"{PATH}/id/1234567890"


def basic(key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()}


@pytest.mark.parametrize(
    ("parts", "secret", "expected"),
    [
        (
            SignedParts("POST", "/v1/sms/+46700000000", "application/json", OLD_TIME, b'{"message":"Hello world"}'),
            SECRET,
            "qDXMwzfaxCRS849c/2R0hg0nphgdHciTo7OdM6MsdnM=",
        ),
        (
            SignedParts("POST", "/sinch/callback/ace", "application/json", "2014-09-24T10:59:41Z", CALLBACK_BODY),
            "BeIukql3pTKJ8RGL5zo0DA==",
            "Tg6fMyo8mj9pYfWQ9ssbx3Tc1BNC87IEygAfLbJqZb4=",
        ),
        (
            SignedParts(
                "POST",
                "/path/pathParamValue",
                "application/json; charset=UTF-8",
                "2023-11-22T09:10:11.999Z",
                b'{"identity":{"type":"number","endpoint":"+33444555666"},"method":"sms"}',
            ),
            base64.b64encode(b"my-key-secret").decode(),
            "QP3OzQZVzRZAEev6DBLvJkgpiqyZPuXYsc7oyjUV0K8=",
        ),
        (
            SignedParts(
                "POST",
                "/VerificationRequestEvent",
                "application/json; charset=utf-8",
                "2023-12-01T15:01:20.0406449Z",
                CAPTURED_BODY,
            ),
            "9876543210",
            "xfKhO0XvlRNJraahUBEJzzi1f3Fn3pYO41/ZzwOHPaQ=",
        ),
        (
            SignedParts("POST", PATH, "application/json", OLD_TIME, START),
            SECRET,
            "ji7t7et7XXkJaIH8awtu0SoWQSpZK0H6eHWLb3tXvXg=",
        ),
        (
            SignedParts("PUT", f"{PATH}/number/+46700000000", "application/json", OLD_TIME, REPORT),
            SECRET,
            "G7ULOokw5/YnW9qrK6ETRG/8sa/PIrfcTV43ZL8yS3o=",
        ),
        (
            SignedParts("GET", STATUS_PATH, "application/json", OLD_TIME),
            SECRET,
            "iSyP+Z6B9m/GwBe3C5+n3WtLUqiG6xqDtPs0YVatQs8=",
        ),
        (SignedParts("GET", STATUS_PATH, "", OLD_TIME), SECRET, "b8X9ejDqCcYO2rwaYgdyzv7PVMBYJeMaxs/DvLrF5bM="),
    ],
)
def test_signatures_are_those_of_the_published_examples(parts: Any, secret: Any, expected: Any) -> None:
    assert signature(parts, SimulatorSettings("key", secret).secret_bytes()) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"message":"Hello world"}', "jANzQ+rgAHyf1MWQFSwvYw=="),
        (CALLBACK_BODY, "REWF+X220L4/Gw1spXOU7g=="),
        (CAPTURED_BODY, "COfYO/MKetfU00r0d5TxkA=="),
        (START, "pKXhl9sOsUjClws1oANArA=="),
        (REPORT, "badhN2/1JzlZjefhN7fd/w=="),
        (b"", ""),
    ],
)
def test_content_md5_is_that_of_the_published_examples(body: Any, expected: Any) -> None:
    assert content_md5(body) == expected


def test_a_request_signed_at_a_published_examples_time_is_accepted_at_that_time(place: MakePlace) -> None:
    _, caller = place(now=lambda: datetime(2014, 6, 4, 13, 42, 30, tzinfo=UTC))
    signed = f"Application {KEY}:ji7t7et7XXkJaIH8awtu0SoWQSpZK0H6eHWLb3tXvXg="
    headers = {"Authorization": signed, "x-timestamp": OLD_TIME, "Content-Type": "application/json"}
    assert caller.send("POST", PATH, START, headers).status_code == 200


def test_basic_authorization_works_for_start_report_and_status(sim: Simulator, caller: Caller) -> None:
    body = json.dumps(start_body(smsOptions={"code": "AB12"})).encode()
    identifier = caller.send("POST", PATH, body, basic()).json()["id"]
    assert sim.inbox()[0]["code"] == "AB12"
    report = json.dumps(report_body("AB12")).encode()
    assert caller.send("PUT", f"{PATH}/id/{identifier}", report, basic()).json()["status"] == "SUCCESSFUL"
    assert caller.send("GET", f"{PATH}/id/{identifier}", headers=basic()).status_code == 200


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, 40104),
        ("Bearer abc", 40100),
        ("Application", 40100),
        ("Basic !!!", 40100),
        ("Basic " + base64.b64encode(b"\xff\xfe").decode(), 40100),
        (basic(secret="d3Jvbmc=")["Authorization"], 40107),
        (basic(key="other")["Authorization"], 40107),
        (f"Application other:{SECRET}", 40107),
        (f"Application {KEY}:", 40102),
        (f"Application {KEY}:AAAA", 40102),
        (f"Application {KEY}:ungültig", 40102),
    ],
)
def test_bad_authorization_is_refused_with_its_code_and_no_challenge(
    sim: Simulator, caller: Caller, header: Any, code: Any
) -> None:
    stamp = stamp_now()
    headers = {"x-timestamp": stamp, "Content-Type": "application/json"}
    if header:
        headers["Authorization"] = header.encode()
    answer = caller.send("POST", PATH, START, headers)
    assert_refused(answer, code)
    assert "www-authenticate" not in answer.headers
    assert sim.inbox() == []


def test_a_changed_body_no_longer_fits_its_signature(sim: Simulator, caller: Caller) -> None:
    stamp = stamp_now()
    headers = {"x-timestamp": stamp, "Content-Type": "application/json"}
    headers["Authorization"] = authorization("POST", PATH, START, "application/json", stamp)
    assert_refused(caller.send("POST", PATH, START.replace(b"46", b"47", 1), headers), 40102)


@pytest.mark.parametrize("scheme", ["Application", "application", "APPLICATION"])
def test_the_scheme_may_come_in_any_case(caller: Caller, scheme: Any) -> None:
    stamp = stamp_now()
    signed = authorization("GET", f"{PATH}/id/x", b"", "", stamp).replace("Application", scheme)
    answer = caller.send("GET", f"{PATH}/id/x", headers={"Authorization": signed, "x-timestamp": stamp})
    assert_refused(answer, 40400)


@pytest.mark.parametrize("stamp", [None, "", "yesterday", "2014"])
def test_a_missing_or_unreadable_timestamp_is_40101(caller: Caller, stamp: Any) -> None:
    headers = {"Authorization": f"Application {KEY}:AAAA"}
    if stamp is not None:
        headers["x-timestamp"] = stamp
    assert_refused(caller.send("POST", PATH, START, headers), 40101)


@pytest.mark.parametrize(("off_seconds", "code"), [(-301, 40105), (301, 40105), (-300, 40400), (300, 40400)])
def test_a_timestamp_may_be_off_by_the_tolerance_and_no_more(place: MakePlace, off_seconds: Any, code: Any) -> None:
    now = datetime(2026, 5, 4, 3, 2, 1, 500000, tzinfo=UTC)
    _, caller = place(now=lambda: now)
    stamp = (now + timedelta(seconds=off_seconds)).isoformat().replace("+00:00", "0Z")
    headers = {"Authorization": authorization("GET", f"{PATH}/id/x", b"", "", stamp), "x-timestamp": stamp}
    assert_refused(caller.send("GET", f"{PATH}/id/x", headers=headers), code)


def test_advancing_the_clock_makes_no_honest_signature_stale(sim: Simulator, caller: Caller) -> None:
    sim.advance(3600)
    assert caller.start().status_code == 200


@pytest.mark.parametrize("path", ["/reference/py%20ref-1", "/reference/py ref-1"])
def test_a_path_may_be_signed_as_sent_or_decoded(caller: Caller, path: Any) -> None:
    caller.started(reference="py ref-1")
    stamp = stamp_now()
    signed = authorization("GET", PATH + path, b"", "", stamp)
    answer = caller.send("GET", f"{PATH}/reference/py%20ref-1", headers={"Authorization": signed, "x-timestamp": stamp})
    assert answer.status_code == 200


def test_public_authorization_needs_a_callback_url(sim: Simulator, caller: Caller) -> None:
    answer = caller.send("POST", PATH, START, {"Authorization": f"Application {KEY}"})
    document = assert_refused(answer, 40303)
    assert document["message"] == "Callback URL must be set when using public authorization method."


def test_public_authorization_may_report_but_not_ask_for_the_status(sim: Simulator, caller: Caller) -> None:
    identifier = caller.started()
    public = {"Authorization": f"Application {KEY}"}
    assert_refused(caller.send("GET", f"{PATH}/id/{identifier}", headers=public), 40303)
    body = json.dumps(report_body(sim.inbox(PHONE)[0]["code"])).encode()
    assert caller.send("PUT", f"{PATH}/id/{identifier}", body, public).json()["status"] == "SUCCESSFUL"


@pytest.mark.parametrize(("minimum", "status"), [("public", 200), ("basic", 200), ("application", 403)])
def test_the_weakest_accepted_authorization_is_a_setting(place: MakePlace, minimum: Any, status: Any) -> None:
    _, caller = place(minimum_auth=minimum)
    assert caller.send("POST", PATH, START, basic()).status_code == status
    assert caller.start().status_code == 200
