"""Reporting a code, and the status that tells what became of a verification."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from otp_service.simulator import Simulator
from tests.simulator.caller import PATH, PHONE, Caller, assert_refused, report_body
from tests.simulator.conftest import MakePlace
from tests.waiting import PATIENCE_SECONDS


def code_of(sim: Simulator, number: Any = PHONE) -> Any:
    message = sim.inbox(number)[0]
    return message["code"] or message["cli"]


@pytest.mark.parametrize("method", ["sms", "whatsapp"])
def test_a_right_code_answers_successful(sim: Simulator, caller: Caller, method: Any) -> None:
    identifier = caller.started(method, reference="r-1")
    answer = caller.report(identifier, code_of(sim), method)
    assert answer.status_code == 200
    assert answer.json() == {"id": identifier, "method": method, "status": "SUCCESSFUL", "reference": "r-1"}


@pytest.mark.parametrize("method", ["callout", "flashcall"])
def test_a_right_report_of_a_call_says_that_the_call_is_complete(sim: Simulator, caller: Caller, method: Any) -> None:
    identifier = caller.started(method)
    document = caller.report(identifier, code_of(sim), method).json()
    assert document == {"id": identifier, "method": method, "status": "SUCCESSFUL", "callComplete": True}


@pytest.mark.parametrize("path", [f"/number/{PHONE}", "/number/%2B12025550134"])
def test_a_report_by_number_takes_a_literal_or_an_encoded_plus(sim: Simulator, caller: Caller, path: Any) -> None:
    caller.started()
    answer = caller.call("PUT", PATH + path, report_body(code_of(sim)))
    assert answer.json()["status"] == "SUCCESSFUL"


@pytest.mark.parametrize("key", ["flashCall", "flashcall"])
def test_a_flashcall_section_may_be_spelt_either_way(sim: Simulator, caller: Caller, key: Any) -> None:
    identifier = caller.started("flashcall")
    document = {key: {"cli": code_of(sim)}, "source": "intercept", "method": "flashCall"}
    assert caller.call("PUT", f"{PATH}/id/{identifier}", document).json()["status"] == "SUCCESSFUL"
    assert caller.status(identifier)["source"] == "intercepted"


@pytest.mark.parametrize("method", ["sms", "callout", "flashcall", "whatsapp"])
def test_a_wrong_code_is_http_400_with_40003_and_the_verification_lives_on(
    sim: Simulator, caller: Caller, method: Any
) -> None:
    identifier = caller.started(method, reference="r-1")
    document = assert_refused(caller.report(identifier, "+19999999", method), 40003)
    assert document == {"errorCode": 40003, "message": "Invalid identity or code.", "reference": "r-1"}
    assert caller.status(identifier)["status"] == "PENDING"
    assert caller.report(identifier, code_of(sim), method).json()["status"] == "SUCCESSFUL"


def test_a_report_of_another_method_is_refused_as_a_wrong_code(sim: Simulator, caller: Caller) -> None:
    identifier = caller.started("sms")
    assert_refused(caller.report(identifier, code_of(sim), "callout"), 40003)


@pytest.mark.parametrize(
    "document",
    [
        {"method": "sms", "sms": {}},
        {"method": "sms", "sms": {"code": ""}},
        {"method": "sms", "sms": {"code": 1234}},
        {"method": "sms"},
        {"method": "flashcall", "flashCall": {"code": "1234"}},
        {"method": "seamless"},
        {"sms": {"code": "1234"}},
    ],
)
def test_an_incomplete_report_is_refused_with_40001(caller: Caller, document: Any) -> None:
    identifier = caller.started()
    assert_refused(caller.call("PUT", f"{PATH}/id/{identifier}", document), 40001)


@pytest.mark.parametrize("path", ["/id/0190f7c2-1d2e-7a3b-8c4d-5e6f70819203", "/number/+14155552671"])
def test_a_report_of_what_was_never_started_is_40400(caller: Caller, path: Any) -> None:
    assert_refused(caller.call("PUT", PATH + path, report_body("1234")), 40400)


def test_a_code_works_only_once(sim: Simulator, caller: Caller) -> None:
    identifier = caller.started()
    code = code_of(sim)
    caller.report(identifier, code)
    assert_refused(caller.report(identifier, code), 40400)
    assert caller.status(identifier)["status"] == "SUCCESSFUL"


def test_of_parallel_reports_of_the_right_code_one_succeeds(sim: Simulator, caller: Caller) -> Any:
    identifier = caller.started()
    code = code_of(sim)

    def report(_: int) -> int:
        one = Caller(sim.base_url)
        try:
            return one.report(identifier, code).status_code
        finally:
            one.close()

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(report, range(32)))
    assert sorted(statuses) == [200] + [404] * 31


def test_an_aborted_verification_cannot_be_reported(sim: Simulator, caller: Caller) -> None:
    older = caller.started()
    code = code_of(sim)
    caller.started()
    assert_refused(caller.report(older, code), 40400)


def test_a_report_of_an_ended_verification_can_be_set_to_answer_40003(place: MakePlace) -> None:
    sim, caller = place(report_after_end="invalid_code")
    identifier = caller.started()
    caller.report(identifier, code_of(sim))
    assert_refused(caller.report(identifier, code_of(sim)), 40003)


@pytest.mark.parametrize("method", ["sms", "callout"])
def test_a_code_reported_too_late_answers_200_fail_expired(sim: Simulator, caller: Caller, method: Any) -> None:
    identifier = caller.started(method)
    sim.advance(301)
    answer = caller.report(identifier, code_of(sim), method)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["reason"]) == ("FAIL", "Expired")
    assert caller.report(identifier, code_of(sim), method).json()["status"] == "FAIL"


def test_a_late_report_can_be_set_to_answer_40400(place: MakePlace) -> None:
    sim, caller = place(report_after_expiry="not_found")
    identifier = caller.started()
    sim.advance(301)
    assert_refused(caller.report(identifier, code_of(sim)), 40400)


def test_a_code_lives_until_its_expiry_and_no_longer(still: Any) -> None:
    sim, caller = still()
    first = caller.started(smsOptions={"expiry": "00:01:00"})
    sim.advance(59)
    assert caller.status(first)["status"] == "PENDING"
    sim.advance(1)
    assert caller.status(first)["reason"] == "Expired"


def test_a_flash_call_expires_after_its_report_timeout(sim: Simulator, caller: Caller) -> None:
    identifier = caller.started("flashcall")
    sim.advance(76)
    assert caller.report(identifier, code_of(sim), "flashcall").json() == {
        "id": identifier,
        "method": "flashcall",
        "status": "FAIL",
        "reason": "Expired",
        "callComplete": True,
    }


@pytest.mark.parametrize(("method", "reason"), [("sms", "Invalid code"), ("flashcall", "Invalid CLI")])
def test_wrong_codes_can_be_limited(place: MakePlace, method: Any, reason: Any) -> None:
    sim, caller = place(wrong_codes_allowed=3)
    identifier = caller.started(method)
    for _ in range(3):
        assert_refused(caller.report(identifier, "+15550000", method), 40003)
    assert_refused(caller.report(identifier, code_of(sim), method), 40400)
    status = caller.status(identifier)
    assert (status["status"], status["reason"]) == ("FAIL", reason)


def test_a_pending_status_has_no_price(caller: Caller) -> None:
    document = caller.status(caller.started())
    assert "price" not in document
    assert document["status"] == "PENDING"


def test_a_status_has_every_documented_field_once_it_succeeded(sim: Simulator, caller: Caller) -> None:
    identifier = caller.started(reference="r-1", custom="c")
    caller.report(identifier, code_of(sim))
    document = caller.status(identifier)
    stamp = document.pop("verificationTimestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}", stamp)
    assert document == {
        "id": identifier,
        "method": "sms",
        "status": "SUCCESSFUL",
        "reference": "r-1",
        "price": {"verificationPrice": {"currencyId": "EUR", "amount": 0.0445}},
        "identity": {"type": "number", "endpoint": PHONE},
        "countryId": "US",
        "source": "manual",
    }


def test_a_callout_status_tells_of_the_call_and_its_termination_price(place: MakePlace) -> None:
    sim, caller = place(termination_debiting=True)
    identifier = caller.started("callout")
    sim.advance(301)
    document = caller.status(identifier)
    assert (document["callComplete"], document["callResult"], document["reason"]) == (True, "ANSWERED", "Expired")
    assert document["price"]["terminationPrice"] == {"currencyId": "EUR", "amount": 0.0}
    assert document["price"]["billableDuration"] == 34


def test_the_price_can_be_set_to_come_late(still: Any) -> None:
    sim, caller = still(price_delay_seconds=10)
    identifier = caller.started()
    caller.report(identifier, code_of(sim))
    assert "price" not in caller.status(identifier)
    sim.advance(11)
    assert "price" in caller.status(identifier)


@pytest.mark.parametrize("method", ["sms", "SMS"])
def test_a_status_is_found_by_method_and_number(caller: Caller, method: Any) -> None:
    identifier = caller.started()
    assert caller.call("GET", f"{PATH}/{method}/number/{PHONE}").json()["id"] == identifier


@pytest.mark.parametrize("reference", ["r-1", "with space", "a/b", "ünïcode", "percent%41"])
def test_a_status_is_found_by_reference(caller: Caller, reference: Any) -> None:
    identifier = caller.started(reference=reference)
    quoted = reference.replace("%", "%25").replace(" ", "%20").replace("ü", "%C3%BC").replace("ï", "%C3%AF")
    assert caller.call("GET", f"{PATH}/reference/{quoted}").json()["id"] == identifier


@pytest.mark.parametrize(
    "path",
    ["/id/nothing", "/reference/nothing", "/sms/number/+14155552671", "/number/+12025550134", "/a/b/c/d", "/"],
)
def test_a_status_of_what_is_not_there_is_40400(caller: Caller, path: Any) -> None:
    caller.started()
    assert_refused(caller.call("GET", PATH + path), 40400)


def test_a_status_of_another_method_is_not_found(caller: Caller) -> None:
    caller.started("sms")
    assert_refused(caller.call("GET", f"{PATH}/callout/number/{PHONE}"), 40400)


def test_a_status_by_number_can_be_limited_in_time(place: MakePlace) -> None:
    sim, caller = place(number_lookup_seconds=60)
    identifier = caller.started()
    sim.advance(61)
    assert_refused(caller.call("GET", f"{PATH}/sms/number/{PHONE}"), 40400)
    assert caller.status(identifier)["id"] == identifier


def test_opening_a_seamless_address_proves_the_number_once(sim: Simulator, caller: Caller) -> None:
    document = caller.start("seamless").json()
    answer = caller.session.get(document["seamless"]["targetUri"], timeout=PATIENCE_SECONDS)
    assert [step.status_code for step in answer.history] == [302]
    assert answer.json() == {"id": document["id"], "method": "seamless", "status": "SUCCESSFUL"}
    again = caller.session.get(document["seamless"]["targetUri"], timeout=PATIENCE_SECONDS)
    assert_refused(again, 40400)
    assert sim.count("seamless", PHONE) == 2


def test_a_seamless_address_opened_too_late_fails_as_expired(sim: Simulator, caller: Caller) -> None:
    address = caller.start("seamless").json()["seamless"]["targetUri"]
    sim.advance(301)
    answer = caller.session.get(address, timeout=PATIENCE_SECONDS).json()
    assert (answer["status"], answer["reason"]) == ("FAIL", "Expired")


def test_an_unknown_seamless_address_is_40400(sim: Simulator, caller: Caller) -> None:
    assert_refused(caller.send("GET", "/verification/v1/seamless/nothing/result"), 40400)
    assert_refused(caller.send("POST", "/verification/v1/seamless/nothing"), 40400)
