"""The client against the simulator: whole lives of verifications, and its faults."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from otp_service.core import clock
from otp_service.core.calls.errors import CallError, OutcomeUnknown, RateLimited
from otp_service.core.calls.guards import BreakerState
from otp_service.providers import Channel, VerificationStatus
from otp_service.simulator import Simulator, SimulatorSettings, running
from otp_service.sinch import BadCredentials, VerificationNotFound
from otp_service.sinch.api_types import Reason
from otp_service.sinch.client import SinchClient
from otp_service.sinch.errors import (
    BadRequest,
    CodeRejected,
    DestinationDenied,
    DuplicateReference,
    VerificationExpired,
    VerificationFailed,
)
from tests.sinch.conftest import KEY, SECRET, Connect
from tests.sinch.scripts import NUMBER


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running(SimulatorSettings(KEY, SECRET, wrong_codes_allowed=3, minimum_auth="basic")) as simulator:
        yield simulator


@pytest.fixture
def sinch(simulator: Simulator, connect: Connect) -> SinchClient:
    return connect(simulator.base_url)


def _reference() -> str:
    return str(uuid.uuid4())


def _proof(simulator: Simulator, channel: Channel) -> str:
    return str(simulator.inbox(NUMBER)[0]["cli" if channel is Channel.FLASHCALL else "code"])


@pytest.mark.parametrize("channel", list(Channel))
def test_what_reached_the_phone_verifies_it(simulator: Simulator, sinch: SinchClient, channel: Channel) -> None:
    receipt = sinch.start(NUMBER, channel, reference=_reference(), locale="es-ES")
    report = sinch.report(receipt.id, channel, _proof(simulator, channel))
    assert (report.id, report.status) == (receipt.id, VerificationStatus.SUCCESSFUL)
    assert receipt.code_lifetime_seconds or channel is Channel.CALLOUT or channel is Channel.WHATSAPP


@pytest.mark.parametrize("auth", ["signed", "basic"])
@pytest.mark.parametrize("ending", ["", "/", "/verification/v1", "/verification/v1/"])
def test_either_authentication_works_at_any_spelling_of_the_base_url(
    simulator: Simulator, connect: Connect, auth: str, ending: str
) -> None:
    client = connect(simulator.base_url + ending, auth=auth)
    receipt = client.start(NUMBER, Channel.SMS, reference=_reference())
    assert client.status(receipt.id).status is VerificationStatus.PENDING


def test_a_verification_is_found_by_id_and_reference(simulator: Simulator, sinch: SinchClient) -> None:
    reference = _reference()
    receipt = sinch.start(NUMBER, Channel.SMS, reference=reference)
    sinch.report(receipt.id, Channel.SMS, _proof(simulator, Channel.SMS))
    found = sinch.status(receipt.id)
    assert found == sinch.status_by_reference(reference)
    assert (found.status, found.reference) == (VerificationStatus.SUCCESSFUL, reference)
    assert found.price is not None
    assert found.price.amount > 0


def test_wrong_codes_are_rejected_until_the_verification_dies(simulator: Simulator, sinch: SinchClient) -> None:
    receipt = sinch.start(NUMBER, Channel.SMS, reference=_reference())
    for _ in range(3):
        with pytest.raises(CodeRejected):
            sinch.report(receipt.id, Channel.SMS, "000")
    with pytest.raises(VerificationNotFound):
        sinch.report(receipt.id, Channel.SMS, _proof(simulator, Channel.SMS))
    assert sinch.status(receipt.id).reason is Reason.INVALID_CODE


def test_a_late_code_has_expired(simulator: Simulator, sinch: SinchClient) -> None:
    receipt = sinch.start(NUMBER, Channel.SMS, reference=_reference())
    simulator.advance(301)
    with pytest.raises(VerificationExpired):
        sinch.report(receipt.id, Channel.SMS, _proof(simulator, Channel.SMS))


def test_the_life_of_a_code_can_be_asked_for(simulator: Simulator, connect: Connect) -> None:
    client = connect(simulator.base_url, code_ttl_seconds=600)
    receipt = client.start(NUMBER, Channel.SMS, reference=_reference())
    simulator.advance(400)
    assert receipt.code_lifetime_seconds == 598
    assert client.report(receipt.id, Channel.SMS, _proof(simulator, Channel.SMS)).id == receipt.id


def test_a_new_start_supersedes_the_old_one(simulator: Simulator, sinch: SinchClient) -> None:
    old = sinch.start(NUMBER, Channel.SMS, reference=_reference())
    sinch.start(NUMBER, Channel.SMS, reference=_reference())
    with pytest.raises((VerificationFailed, VerificationNotFound)):
        sinch.report(old.id, Channel.SMS, "0000")
    assert sinch.status(old.id).status is VerificationStatus.ABORTED


def test_a_reference_is_good_for_one_start(simulator: Simulator, sinch: SinchClient) -> None:
    reference = _reference()
    sinch.start(NUMBER, Channel.SMS, reference=reference)
    with pytest.raises(DuplicateReference):
        sinch.start(NUMBER, Channel.SMS, reference=reference)
    assert len(simulator.inbox(NUMBER)) == 1


def test_an_impossible_number_is_a_bad_request(sinch: SinchClient) -> None:
    with pytest.raises(BadRequest):
        sinch.start("+1201555012", Channel.SMS, reference=_reference())


def test_a_denied_destination_says_so(simulator: Simulator, sinch: SinchClient) -> None:
    simulator.set_fault("denied", "start")
    with pytest.raises(DestinationDenied):
        sinch.start(NUMBER, Channel.SMS, reference=_reference())


@pytest.mark.parametrize("auth", ["signed", "basic"])
def test_another_secret_is_bad_credentials(connect: Connect, auth: str) -> None:
    with running(SimulatorSettings(KEY, "BeIukql3pTKJ8RGL5zo0DA==")) as other, pytest.raises(BadCredentials):
        connect(other.base_url, auth=auth).status("x")


def test_a_rate_limit_carries_its_wait(connect: Connect) -> None:
    now = clock.now()
    settings = SimulatorSettings(KEY, SECRET, velocity_window_seconds=30, retry_after_on_429=True, now=lambda: now)
    with running(settings) as strict:
        client = connect(strict.base_url)
        client.start(NUMBER, Channel.SMS, reference=_reference())
        with pytest.raises(RateLimited) as caught:
            client.start(NUMBER, Channel.SMS, reference=_reference())
    assert (caught.value.error_code, caught.value.retry_after_seconds) == (42901, 30)


@pytest.mark.parametrize("kind", ["garbage", "half_body", "reset", "stall"])
def test_a_start_whose_answer_was_lost_is_found_by_its_reference(
    simulator: Simulator, connect: Connect, kind: str
) -> None:
    simulator.set_fault(kind, "start", seconds=0, times=1)
    client = connect(simulator.base_url)
    reference = _reference()
    with pytest.raises(OutcomeUnknown):
        client.start(NUMBER, Channel.SMS, reference=reference)
    found = client.find_started(reference)
    assert found is not None
    assert client.report(found.id, Channel.SMS, _proof(simulator, Channel.SMS)).id == found.id
    assert (simulator.count("start"), len(simulator.inbox(NUMBER))) == (1, 1)


@pytest.mark.parametrize("fault", [{"kind": "status", "status_code": 500}, {"kind": "redirect"}])
def test_a_start_that_was_not_carried_out_is_not_found(
    simulator: Simulator, sinch: SinchClient, fault: dict[str, Any]
) -> None:
    simulator.set_fault(operation="start", times=1, **fault)
    reference = _reference()
    with pytest.raises(OutcomeUnknown):
        sinch.start(NUMBER, Channel.SMS, reference=reference)
    assert sinch.find_started(reference) is None
    assert simulator.count("redirected") == 0


def test_a_report_whose_answer_was_lost_is_settled_by_the_status(simulator: Simulator, sinch: SinchClient) -> None:
    receipt = sinch.start(NUMBER, Channel.SMS, reference=_reference())
    simulator.set_fault("half_body", "report", times=1)
    with pytest.raises(OutcomeUnknown):
        sinch.report(receipt.id, Channel.SMS, _proof(simulator, Channel.SMS))
    assert sinch.status(receipt.id).status is VerificationStatus.SUCCESSFUL
    assert simulator.count("report") == 1


def test_the_breaker_opens_on_faults(simulator: Simulator, connect: Connect) -> None:
    client = connect(simulator.base_url, failure_threshold=2, cool_down_seconds=3600)
    simulator.set_fault("status", "any", status_code=503)
    for _ in range(5):
        with pytest.raises(CallError):
            client.start(NUMBER, Channel.SMS, reference=_reference())
    assert (client.state(), simulator.count("start")) == (BreakerState.OPEN, 2)


def test_the_breaker_closes_when_faults_end(simulator: Simulator, connect: Connect) -> None:
    client = connect(simulator.base_url, failure_threshold=1, cool_down_seconds=0.01)
    simulator.set_fault("status", "any", status_code=503, times=1)
    with pytest.raises(OutcomeUnknown):
        client.start(NUMBER, Channel.SMS, reference=_reference())
    time.sleep(0.02)  # no less than the cool-down
    client.start(NUMBER, Channel.SMS, reference=_reference())
    assert client.state() is BreakerState.CLOSED


def test_of_twenty_right_reports_at_once_one_wins(simulator: Simulator, connect: Connect) -> None:
    client = connect(simulator.base_url, max_in_flight=20, pool_size=20)
    receipt = client.start(NUMBER, Channel.SMS, reference=_reference())
    code = _proof(simulator, Channel.SMS)

    def report(_: int) -> bool:
        try:
            return client.report(receipt.id, Channel.SMS, code).status is VerificationStatus.SUCCESSFUL
        except VerificationNotFound:
            return False

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(report, range(20))) == 1
