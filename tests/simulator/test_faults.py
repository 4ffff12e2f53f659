"""Faults: what each does to a call, when it bites, and how a held call is let go."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from otp_service.simulator import Simulator
from otp_service.simulator.http.errors import ApiError
from tests.simulator.caller import PATH, PHONE, Caller, assert_refused, start_body
from tests.simulator.conftest import MakePlace
from tests.waiting import PATIENCE_SECONDS, wait_until

OTHER_PHONE = "+14155552671"
TRANSPORT_ERRORS = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.fixture
def background() -> Iterator[Any]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.mark.parametrize("kind", ["reset", "half_body", "stall"])
@pytest.mark.parametrize(("phase", "delivered"), [(None, 1), ("after", 1), ("before", 0)])
def test_a_transport_fault_loses_the_answer_and_the_phase_decides_about_the_message(
    sim: Simulator, caller: Caller, kind: Any, phase: Any, delivered: Any
) -> None:
    sim.set_fault(kind, "start", seconds=0.01, phase=phase)
    with pytest.raises(TRANSPORT_ERRORS):
        caller.start()
    assert len(sim.inbox(PHONE)) == delivered


@pytest.mark.parametrize(("phase", "delivered"), [(None, 1), ("before", 0)])
def test_garbage_answers_200_with_something_that_is_not_json(
    sim: Simulator, caller: Caller, phase: Any, delivered: Any
) -> None:
    sim.set_fault("garbage", "start", phase=phase)
    answer = caller.start()
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert len(sim.inbox(PHONE)) == delivered


@pytest.mark.parametrize(("phase", "delivered"), [(None, 0), ("after", 1)])
@pytest.mark.parametrize(
    ("status_code", "code"),
    [(None, 50000), (400, 40001), (402, 40200), (429, 42900), (500, 50000), (503, 50300), (502, 50200)],
)
def test_a_status_fault_answers_in_sinchs_form(
    sim: Simulator, caller: Caller, status_code: Any, code: Any, phase: Any, delivered: Any
) -> None:
    sim.set_fault("status", "start", status_code=status_code, phase=phase)
    assert_refused(caller.start(), code)
    assert len(sim.inbox(PHONE)) == delivered


def test_a_status_fault_with_seconds_sends_retry_after(sim: Simulator, caller: Caller) -> None:
    sim.set_fault("status", status_code=429, seconds=7)
    assert caller.start().headers["Retry-After"] == "7"
    sim.set_fault("status", status_code=429)
    assert "Retry-After" not in caller.start().headers


def test_a_redirect_leads_to_a_success_that_nobody_should_believe(sim: Simulator, caller: Caller) -> None:
    sim.set_fault("redirect", "report")
    identifier = caller.started()
    answer = caller.report(identifier, "0000")
    assert answer.status_code == 307
    assert answer.headers["Location"] == f"{sim.base_url}/redirected{PATH}/id/{identifier}"
    followed = caller.send("PUT", f"/redirected{PATH}/id/{identifier}", headers={"Authorization": "x"})
    assert followed.json() == {"id": identifier, "method": "sms", "status": "SUCCESSFUL"}
    assert (sim.count("redirected"), sim.calls[-1].has_credentials) == (1, True)
    assert caller.status(identifier)["status"] == "PENDING"


def test_a_denied_start_answers_403_and_sends_nothing(sim: Simulator, caller: Caller) -> None:
    older = caller.started()
    sim.set_fault("denied", "start")
    assert_refused(caller.start(reference="r-1"), 40300)
    document = caller.call("GET", f"{PATH}/reference/r-1").json()
    assert (document["status"], document["reason"]) == ("DENIED", "Blocked")
    assert "price" not in document
    assert (len(sim.inbox()), caller.status(older)["status"]) == (1, "PENDING")


def test_a_denied_start_does_not_hide_the_live_verification_from_reports_by_number(
    sim: Simulator, caller: Caller
) -> None:
    caller.started()
    sim.set_fault("denied", "start", times=1)
    caller.start()
    report = {"method": "sms", "sms": {"code": sim.inbox()[0]["code"]}}
    assert caller.call("PUT", f"{PATH}/number/{PHONE}", report).json()["status"] == "SUCCESSFUL"


def test_a_start_denied_afterwards_answers_well_and_sends_nothing(sim: Simulator, caller: Caller) -> None:
    sim.set_fault("denied", "start", phase="after")
    document = caller.status(caller.started())
    assert (document["status"], document["reason"]) == ("DENIED", "Fraud")
    assert sim.inbox() == []


@pytest.mark.parametrize("operation", ["report", "status"])
def test_a_verification_can_turn_out_denied_later(sim: Simulator, caller: Caller, operation: Any) -> None:
    identifier = caller.started()
    sim.set_fault("denied", operation)
    code = sim.inbox()[0]["code"]
    answer = caller.report(identifier, code).json() if operation == "report" else caller.status(identifier)
    assert (answer["status"], answer["reason"]) == ("DENIED", "Fraud")


def test_latency_only_delays(sim: Simulator, caller: Caller) -> None:
    sim.set_fault("latency", seconds=0.05)
    sim.set_fault("status", "start", status_code=503)
    before = time.monotonic()
    assert_refused(caller.start(), 50300)
    assert time.monotonic() - before >= 0.05


@pytest.mark.parametrize(("phase", "delivered"), [("before", 0), ("after", 1)])
def test_a_call_can_be_held_and_let_go(
    sim: Simulator, caller: Caller, background: ThreadPoolExecutor, phase: Any, delivered: Any
) -> None:
    sim.set_fault("stall", "start", seconds=600, phase=phase)
    answer = background.submit(caller.start)
    wait_until(lambda: sim.count("start") == 1 and len(sim.inbox()) == delivered)
    assert not answer.done()
    sim.clear_faults()
    assert answer.result(PATIENCE_SECONDS).status_code == 200
    assert len(sim.inbox()) == 1


def test_other_calls_go_on_while_one_is_held(sim: Simulator, caller: Caller, background: ThreadPoolExecutor) -> None:
    sim.set_fault("stall", "start", number=OTHER_PHONE, seconds=600)
    held = Caller(sim.base_url)
    answer = background.submit(held.start, "sms", OTHER_PHONE)
    wait_until(lambda: sim.count("start", OTHER_PHONE) == 1)
    assert caller.start().status_code == 200
    assert caller.send("DELETE", "/simulator/faults").status_code == 204
    assert answer.result(PATIENCE_SECONDS).status_code == 200
    held.close()


def test_stopping_lets_go_of_held_calls(place: MakePlace, background: ThreadPoolExecutor) -> None:
    sim, caller = place()
    sim.set_fault("stall", seconds=600)
    answer = background.submit(caller.start)
    wait_until(lambda: sim.count("start") == 1)
    sim.stop()
    assert isinstance(answer.exception(PATIENCE_SECONDS), TRANSPORT_ERRORS) or answer.result().status_code == 200
    sim.stop()


def test_a_fault_bites_only_its_operation_and_number(sim: Simulator, caller: Caller) -> None:
    sim.set_fault("status", "start", number=PHONE, status_code=503)
    assert_refused(caller.start(), 50300)
    identifier = caller.started(number=OTHER_PHONE)
    assert caller.status(identifier)["status"] == "PENDING"


def test_a_fault_for_a_number_bites_reports_by_id_and_status_by_reference(sim: Simulator, caller: Caller) -> None:
    identifier = caller.started(reference="r-1")
    sim.set_fault("status", "any", number=PHONE, status_code=503)
    assert_refused(caller.report(identifier, "0000"), 50300)
    assert_refused(caller.call("GET", f"{PATH}/reference/r-1"), 50300)
    assert_refused(caller.call("PUT", f"{PATH}/number/{PHONE}", {"method": "sms"}), 50300)


def test_a_fault_bites_as_often_as_it_was_told(sim: Simulator, caller: Caller) -> None:
    sim.set_fault("status", status_code=503, times=2)
    assert [caller.start().status_code for _ in range(4)] == [503, 503, 200, 200]


def test_parallel_calls_use_up_a_fault_exactly(sim: Simulator) -> Any:
    sim.set_fault("status", status_code=503, times=5)

    def start(digit: int) -> int:
        one = Caller(sim.base_url)
        try:
            return one.start(number=f"+1202555{digit:04}").status_code
        finally:
            one.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(start, range(20))).count(503) == 5


def test_the_same_fault_set_again_replaces_the_first(sim: Simulator, caller: Caller) -> None:
    sim.set_fault("status", status_code=503, times=1)
    sim.set_fault("status", status_code=502, times=1)
    assert [caller.start().status_code for _ in range(2)] == [502, 200]


def test_different_faults_bite_one_after_the_other(sim: Simulator, caller: Caller) -> None:
    sim.set_fault("status", status_code=503, times=1)
    sim.set_fault("garbage", times=1)
    assert caller.start().status_code == 503
    assert caller.start().content.startswith(b"\x00")
    assert caller.start().json()["method"] == "sms"


def test_faults_are_set_listed_and_cleared_over_http(caller: Caller) -> None:
    fault = {"kind": "status", "operation": "report", "number": PHONE, "seconds": 1.5, "statusCode": 503, "times": 2}
    answer = caller.put("/simulator/faults", fault)
    assert answer.json() == {"faults": [fault | {"phase": "before"}]}
    assert caller.send("DELETE", "/simulator/faults").status_code == 204
    assert caller.send("GET", "/simulator/faults").json() == {"faults": []}


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({}, "kind"),
        ({"kind": "gremlin"}, "kind"),
        ({"kind": ["status"]}, "kind"),
        ({"kind": "status", "operation": "stop"}, "operation"),
        ({"kind": "status", "number": "12"}, "12"),
        ({"kind": "status", "seconds": -1}, "seconds"),
        ({"kind": "status", "seconds": "1"}, "seconds"),
        ({"kind": "status", "statusCode": 200}, "statusCode"),
        ({"kind": "status", "statusCode": "500"}, "statusCode"),
        ({"kind": "redirect", "statusCode": 500}, "statusCode"),
        ({"kind": "status", "times": 0}, "times"),
        ({"kind": "status", "times": True}, "times"),
        ({"kind": "status", "phase": "during"}, "phase"),
        ({"kind": "status", "operaton": "start"}, "operaton"),
        (["kind"], "object"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_a_clear_400(caller: Caller, document: Any, named: Any) -> None:
    assert named in assert_refused(caller.put("/simulator/faults", document), 40001)["message"]
    assert caller.send("GET", "/simulator/faults").json() == {"faults": []}


def test_a_fault_that_is_not_json_is_refused(caller: Caller) -> None:
    assert_refused(caller.send("PUT", "/simulator/faults", b"{kind"), 40001)


def test_set_fault_refuses_what_makes_no_sense(sim: Simulator) -> None:
    with pytest.raises(ApiError, match="kind must be one of"):
        sim.set_fault("gremlin")


def test_a_header_asks_for_a_fault_of_one_call(sim: Simulator, caller: Caller) -> None:
    header = "status; statusCode=503; phase=after"
    answer = caller.call("POST", PATH, start_body(), X_Simulator_Fault=header)
    assert_refused(answer, 50300)
    assert len(sim.inbox(PHONE)) == 1
    assert caller.start().status_code == 200


@pytest.mark.parametrize("header", ["gremlin", "status; statusCode=x", "callback_lost", "status; number=12"])
def test_a_header_that_makes_no_sense_is_refused(caller: Caller, header: Any) -> None:
    assert_refused(caller.call("POST", PATH, start_body(), X_Simulator_Fault=header), 40001)


def test_a_header_may_slow_a_call_down(caller: Caller) -> None:
    before = time.monotonic()
    caller.call("POST", PATH, start_body(), X_Simulator_Fault="latency; seconds=0.05")
    assert time.monotonic() - before >= 0.05


def test_the_number_of_kept_faults_is_bounded(sim: Simulator, caller: Caller) -> None:
    for suffix in range(150):
        sim.set_fault("latency", number=f"+1202555{suffix:04}")
    assert len(caller.send("GET", "/simulator/faults").json()["faults"]) == 100


def test_faults_do_not_touch_the_simulators_own_side(sim: Simulator, caller: Caller) -> None:
    sim.set_fault("reset")
    assert caller.send("GET", "/inbox.json").status_code == 200
