"""The circuit breaker: alone with a clock of its own, and in front of a server that fails and recovers."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from otp_service.core.calls.errors import BreakerOpen, CallError, OutcomeUnknown
from otp_service.core.calls.guards import BreakerState, CircuitBreaker
from otp_service.providers import Channel
from tests.sinch.conftest import Connect, Serve
from tests.sinch.scripts import ID, NUMBER, REFERENCE, in_turn, receipt, refusal, verdict


class Ticks:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def breaker(ticks: Ticks) -> CircuitBreaker:
    return CircuitBreaker(failure_threshold=3, cool_down_seconds=10, monotonic=ticks)


def _open(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        breaker.record_failure()


def test_it_opens_after_so_many_failures_in_a_row(breaker: CircuitBreaker) -> None:
    assert [breaker.record_failure() for _ in range(3)] == [False, False, True]
    assert (breaker.state(), breaker.admit(), breaker.wait_seconds()) == (BreakerState.OPEN, False, 10)


def test_a_success_between_failures_starts_the_count_anew(breaker: CircuitBreaker) -> None:
    for _ in range(5):
        breaker.record_failure()
        breaker.record_failure()
        breaker.record_success()
    assert breaker.state() is BreakerState.CLOSED


def test_after_the_cool_down_one_call_is_tried(breaker: CircuitBreaker, ticks: Ticks) -> None:
    _open(breaker)
    ticks.at += 10
    assert breaker.state() is BreakerState.HALF_OPEN
    assert [breaker.admit() for _ in range(3)] == [True, False, False]


def test_after_the_cool_down_one_of_twenty_threads_gets_the_trial(breaker: CircuitBreaker, ticks: Ticks) -> None:
    _open(breaker)
    ticks.at += 10
    gate = threading.Barrier(20)

    def admit(_: int) -> bool:
        gate.wait()
        return breaker.admit()

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(admit, range(20))) == 1


def test_a_trial_that_succeeds_closes_it(breaker: CircuitBreaker, ticks: Ticks) -> None:
    _open(breaker)
    ticks.at += 10
    breaker.admit()
    assert breaker.record_success()
    assert (breaker.state(), breaker.admit()) == (BreakerState.CLOSED, True)


def test_a_trial_that_fails_starts_another_cool_down(breaker: CircuitBreaker, ticks: Ticks) -> None:
    _open(breaker)
    ticks.at += 10
    breaker.admit()
    ticks.at += 4
    assert breaker.record_failure()
    assert (breaker.state(), breaker.wait_seconds()) == (BreakerState.OPEN, 10)


def test_a_trial_that_never_reports_back_makes_way_for_the_next(breaker: CircuitBreaker, ticks: Ticks) -> None:
    _open(breaker)
    ticks.at += 10
    assert breaker.admit()
    ticks.at += 10
    assert breaker.admit()


def test_failures_of_calls_that_left_before_do_not_prolong_the_cool_down(breaker: CircuitBreaker, ticks: Ticks) -> None:
    _open(breaker)
    ticks.at += 6
    assert not breaker.record_failure()
    assert breaker.wait_seconds() == 4


def test_with_sinch_down_calls_fail_at_once(serve: Serve, connect: Connect) -> None:
    server = serve(refusal(50000))
    sinch = connect(server.url, failure_threshold=2, cool_down_seconds=3600)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)

    with pytest.raises(BreakerOpen) as caught:
        sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)

    assert 0 < (caught.value.retry_after_seconds or 0) <= 3600
    assert (sinch.state(), len(server.heard)) == (BreakerState.OPEN, 2)


def test_when_sinch_recovers_so_does_the_client(serve: Serve, connect: Connect) -> None:
    sinch = connect(serve(in_turn(refusal(50000), receipt())).url, failure_threshold=1, cool_down_seconds=0.01)
    with pytest.raises(OutcomeUnknown):
        sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)
    time.sleep(0.02)  # no less than the cool-down

    found = sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)

    assert (found.id, sinch.state()) == (ID, BreakerState.CLOSED)


@pytest.mark.parametrize("code", [40001, 40003, 40100, 40200, 40300, 40400, 40900, 42201, 42900, 42901])
def test_a_refusal_does_not_count_as_a_failure(serve: Serve, connect: Connect, code: int) -> None:
    sinch = connect(serve(refusal(code)).url, failure_threshold=1)
    with pytest.raises(CallError):
        sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)
    assert sinch.state() is BreakerState.CLOSED


def test_a_verdict_that_is_still_pending_does_not_count_as_a_failure(serve: Serve, connect: Connect) -> None:
    sinch = connect(serve(verdict("PENDING")).url, failure_threshold=1)
    with pytest.raises(OutcomeUnknown):
        sinch.report(ID, Channel.SMS, "1234")
    assert sinch.state() is BreakerState.CLOSED
