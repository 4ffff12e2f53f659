"""Callbacks: the question before a start, the news after it, their signature, and their faults."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from otp_service.simulator import Simulator
from tests.simulator.caller import (
    KEY,
    PATH,
    PHONE,
    Caller,
    assert_refused,
    authorization,
    machine_now,
    report_body,
    start_body,
)
from tests.simulator.conftest import MakePlace
from tests.simulator.receiver import Receiver, receiving
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def receiver() -> Iterator[Any]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def both(place: MakePlace, receiver: Receiver) -> Any:
    return place(callback_url=receiver.url)


def events(sim: Simulator, receiver: Receiver) -> Any:
    assert sim.wait_for_callbacks(PATIENCE_SECONDS)
    return [json.loads(received.body) for received in receiver.came]


def names(sim: Simulator, receiver: Receiver) -> Any:
    return [event["event"].removeprefix("Verification").removesuffix("Event") for event in events(sim, receiver)]


def test_a_start_is_asked_about_before_anything_is_sent(sim: Simulator, caller: Caller, receiver: Receiver) -> None:
    document = start_body(reference="r-1", custom="c")
    identifier = caller.call("POST", PATH, document, Accept_Language="es-ES,en;q=0.5").json()["id"]
    assert events(sim, receiver)[0] == {
        "id": identifier,
        "event": "VerificationRequestEvent",
        "method": "sms",
        "identity": {"type": "number", "endpoint": PHONE},
        "price": {"currencyId": "EUR", "amount": 0.0445},
        "rate": {"currencyId": "EUR", "amount": 0.0},
        "reference": "r-1",
        "custom": "c",
        "acceptLanguage": ["es-ES", "en"],
    }


def test_every_event_is_signed_over_its_bytes_and_the_path_of_the_url(
    sim: Simulator, caller: Caller, receiver: Receiver
) -> None:
    identifier = caller.started()
    caller.report(identifier, sim.inbox()[0]["code"])
    assert names(sim, receiver) == ["Request", "SmsDelivered", "Result"]
    for received in receiver.came:
        stamp = received.headers["x-timestamp"]
        signed = authorization("POST", "/hooks/sinch", received.body, received.headers["content-type"], stamp)
        assert received.headers["authorization"] == signed
        assert received.path == "/hooks/sinch?tenant=1"
        assert (len(stamp), stamp[-1]) == (28, "Z")


def test_a_delivery_and_a_result_tell_id_reference_and_status(
    sim: Simulator, caller: Caller, receiver: Receiver
) -> None:
    identifier = caller.started(reference="r-1", custom="c")
    caller.report(identifier, sim.inbox()[0]["code"])
    common = {
        "id": identifier,
        "method": "sms",
        "identity": {"type": "number", "endpoint": PHONE},
        "reference": "r-1",
        "custom": "c",
    }
    assert events(sim, receiver)[1:] == [
        common | {"event": "VerificationSmsDeliveredEvent", "smsResult": "Successful"},
        common | {"event": "VerificationResultEvent", "status": "SUCCESSFUL", "source": "manual"},
    ]


@pytest.mark.parametrize("method", ["callout", "flashcall", "whatsapp", "seamless"])
def test_only_texts_have_a_delivery_event(sim: Simulator, caller: Caller, receiver: Receiver, method: Any) -> None:
    caller.started(method)
    assert names(sim, receiver) == ["Request"]


def test_expiry_without_a_report_is_told(sim: Simulator, caller: Caller, receiver: Receiver) -> None:
    caller.started()
    sim.advance(301)
    event = events(sim, receiver)[-1]
    assert (event["event"], event["status"], event["reason"]) == ("VerificationResultEvent", "FAIL", "Expired")


def test_expiry_is_told_though_nobody_calls(place: MakePlace, receiver: Receiver) -> None:
    now = machine_now()
    sim, caller = place(callback_url=receiver.url, now=lambda: now)
    caller.started()
    assert names(sim, receiver) == ["Request", "SmsDelivered"]

    now += timedelta(seconds=301)  # with `advance` the simulator would look itself what has expired

    assert receiver.has_received(3)
    assert names(sim, receiver)[-1] == "Result"


def test_an_aborted_verification_is_told(sim: Simulator, caller: Caller, receiver: Receiver) -> None:
    older = caller.started()
    caller.started()
    results = [event for event in events(sim, receiver) if event["event"] == "VerificationResultEvent"]
    assert [(event["id"], event["status"]) for event in results] == [(older, "ABORTED")]


def test_a_denied_start_is_403_and_nothing_is_sent(sim: Simulator, caller: Caller, receiver: Receiver) -> None:
    receiver.body = b'{"action":"deny"}'
    assert_refused(caller.start(reference="r-1"), 40303)
    status = caller.call("GET", f"{PATH}/reference/r-1").json()
    assert (status["status"], status["reason"]) == ("DENIED", "Denied by callback")
    assert sim.inbox() == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"yes"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"action":"maybe"}'),
        (200, b'{"action":"allow","sms":{"code":"much-too-long-a-code"}}'),
        (200, b'{"action":"allow","sms":{"expiry":"soon"}}'),
        (204, b""),
        (302, b""),
        (401, b'{"action":"allow"}'),
        (500, b'{"action":"allow"}'),
    ],
)
def test_a_bad_reply_denies_the_start_as_an_invalid_callback(
    sim: Simulator, caller: Caller, receiver: Receiver, status: Any, body: Any
) -> None:
    receiver.status, receiver.body = status, body
    assert_refused(caller.start(reference="r-1"), 42202)
    document = caller.call("GET", f"{PATH}/reference/r-1").json()
    assert (document["status"], document["reason"]) == ("DENIED", "Invalid callback")
    assert sim.inbox() == []


def test_nobody_listening_denies_the_start(place: MakePlace) -> None:
    with receiving() as gone:
        url = gone.url
    sim, caller = place(callback_url=url)
    assert_refused(caller.start(), 42202)
    assert sim.inbox() == []


def test_a_reply_that_takes_too_long_denies_the_start(place: MakePlace, receiver: Receiver) -> None:
    receiver.gate.clear()
    _, caller = place(callback_url=receiver.url, callback_timeout_seconds=0.1)
    assert_refused(caller.start(), 42202)
    assert receiver.has_received(1)


def test_unanswered_events_are_tried_again_when_retries_are_set(place: MakePlace, receiver: Receiver) -> None:
    receiver.failures = 2
    _, caller = place(callback_url=receiver.url, callback_retries=2, callback_retry_delay_seconds=0.01)
    assert caller.start().status_code == 200
    assert len({received.headers["x-timestamp"] for received in receiver.came[:3]}) == 3


def test_error_codes_of_refusals_are_settings(place: MakePlace, receiver: Receiver) -> None:
    receiver.body = b'{"action":"deny"}'
    settings = {"callback_denied_code": 40300, "callback_invalid_code": 40302}
    _, caller = place(callback_url=receiver.url, **settings)
    assert_refused(caller.start(), 40300)
    receiver.body = b""
    assert_refused(caller.start(), 40302)


def test_a_callback_may_choose_code_type_expiry_and_language(
    sim: Simulator, caller: Caller, receiver: Receiver
) -> None:
    choice = {"code": "5666", "codeType": "Alpha", "expiry": "01:02:03", "acceptLanguage": ["es-ES"]}
    receiver.body = json.dumps({"action": "allow", "sms": choice}).encode()
    answer = caller.start(smsOptions={"code": "1111"})
    assert (answer.headers["Content-Language"], answer.json()["sms"]["codeType"]) == ("es-ES", "Alpha")
    assert answer.json()["sms"]["interceptionTimeout"] == 3723 - 2
    assert sim.inbox()[0]["text"] == "Tu código de verificación es 5666."


def test_a_callback_may_choose_the_number_of_a_flash_call(sim: Simulator, caller: Caller, receiver: Receiver) -> None:
    choice = {"cli": "+4445874587", "dialTimeout": 30, "interceptionTimeout": 60}
    receiver.body = json.dumps({"action": "allow", "flashCall": choice}).encode()
    document = caller.start("flashcall").json()
    assert document["flashCall"]["interceptionTimeout"] == 60
    assert re.fullmatch(document["flashCall"]["cliFilter"], "+4445874587")
    assert caller.report(document["id"], "+4445874587", "flashcall").json()["status"] == "SUCCESSFUL"


def test_a_callback_may_choose_the_code_and_language_of_a_call(
    sim: Simulator, caller: Caller, receiver: Receiver
) -> None:
    choice = {"code": "4567", "speech": {"locale": "fr-FR"}}
    receiver.body = json.dumps({"action": "allow", "callout": choice}).encode()
    caller.started("callout")
    assert sim.inbox()[0]["text"] == "Bonjour. Votre code de vérification est 4 5 6 7."


def test_public_authorization_may_start_where_a_callback_allows_but_its_options_do_not_count(
    sim: Simulator, caller: Caller, receiver: Receiver
) -> None:
    body = json.dumps(start_body(smsOptions={"code": "1111"})).encode()
    answer = caller.send("POST", PATH, body, {"Authorization": f"Application {KEY}"})
    assert answer.status_code == 200
    assert names(sim, receiver)[0] == "Request"
    assert sim.inbox()[0]["text"] != "Your verification code is 1111."


def test_a_lost_event_never_arrives(sim: Simulator, caller: Caller, receiver: Receiver) -> None:
    identifier = caller.started()
    sim.set_fault("callback_lost", "report", times=1)
    assert caller.report(identifier, sim.inbox()[0]["code"]).json()["status"] == "SUCCESSFUL"
    assert names(sim, receiver) == ["Request", "SmsDelivered"]


def test_a_lost_question_denies_the_start(sim: Simulator, caller: Caller, receiver: Receiver) -> None:
    sim.set_fault("callback_lost", "start", times=1)
    assert_refused(caller.start(), 42202)
    assert receiver.came == []


def test_a_doubled_event_arrives_twice_with_the_same_bytes(sim: Simulator, caller: Caller, receiver: Receiver) -> None:
    sim.set_fault("callback_twice", number=PHONE)
    identifier = caller.started("callout")
    caller.call("PUT", f"{PATH}/id/{identifier}", report_body(sim.inbox()[0]["code"], "callout"))
    assert names(sim, receiver) == ["Request", "Request", "Result", "Result"]
    first, second = receiver.came[2:]
    assert (first.body, first.headers["authorization"]) == (second.body, second.headers["authorization"])


def test_the_receiver_can_be_named_after_the_start(place: MakePlace, receiver: Receiver) -> None:
    sim, caller = place()
    caller.started()
    assert sim.wait_for_callbacks(PATIENCE_SECONDS)
    sim.send_callbacks_to(receiver.url)
    caller.started()
    assert names(sim, receiver) == ["Request", "Result", "SmsDelivered"]
    sim.send_callbacks_to(None)
    caller.started()
    assert len(names(sim, receiver)) == 3


def test_answers_do_not_wait_for_the_receiver_of_news(place: MakePlace, receiver: Receiver) -> None:
    sim, caller = place()
    identifier = caller.started()
    sim.send_callbacks_to(receiver.url)
    receiver.gate.clear()
    assert caller.report(identifier, sim.inbox()[0]["code"]).json()["status"] == "SUCCESSFUL"
    assert not sim.wait_for_callbacks(0.01)
    receiver.gate.set()
    assert names(sim, receiver) == ["Result"]
