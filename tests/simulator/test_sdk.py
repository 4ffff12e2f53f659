"""The official Python SDK drives the simulator unmodified, save for the address."""

from collections.abc import Iterator
from typing import Any

import pytest
from sinch import SinchClient
from sinch.domains.verification.exceptions import VerificationException

from otp_service.simulator import Simulator
from tests.simulator.caller import KEY, PHONE, SECRET

IDENTITY = {"type": "number", "endpoint": PHONE}


@pytest.fixture
def client(sim: Simulator) -> Iterator[Any]:
    client = SinchClient(application_key=KEY, application_secret=SECRET)
    client.configuration.verification_origin = sim.base_url.removeprefix("http://")
    client.configuration.disable_https = True
    yield client
    client.configuration.transport.http_session.close()


@pytest.fixture
def verifications(client: Any) -> Any:
    return client.verification.verifications


@pytest.fixture
def statuses(client: Any) -> Any:
    return client.verification.verification_status


def assert_started(answer: Any, method: Any) -> None:
    assert isinstance(answer.id, str)
    assert answer.method == method
    assert [(link["rel"], link["method"]) for link in answer._links] == [("status", "GET"), ("report", "PUT")]


def proof(sim: Simulator) -> Any:
    message = sim.inbox(PHONE)[0]
    return message["code"] or message["cli"]


def test_sms_by_id(sim: Simulator, verifications: Any, statuses: Any) -> None:
    started = verifications.start_sms(identity=IDENTITY, reference="py ref-1", custom="c", expiry="00:01:00")
    assert_started(started, "sms")
    assert (started.sms.template, started.sms.interception_timeout) == ("Your verification code is {{CODE}}.", 58)
    reported = verifications.report_sms_by_id(id=started.id, code=proof(sim))
    assert (reported.id, reported.method, reported.status) == (started.id, "sms", "SUCCESSFUL")
    assert (reported.reason, reported.reference) == (None, "py ref-1")
    status = statuses.get_by_reference("py ref-1")
    assert (status.status, status.identity) == ("SUCCESSFUL", IDENTITY)
    assert status.price == {"verificationPrice": {"currencyId": "EUR", "amount": 0.0445}}


def test_sms_by_number_after_every_stray_field_of_the_sdk(sim: Simulator, verifications: Any, statuses: Any) -> None:
    verifications.start_sms(identity=IDENTITY, code_type="Alphanumeric", expiry="00:01:00", template="{{CODE}}")
    reported = verifications.report_sms_by_identity(endpoint=PHONE, code=proof(sim), cli="+4600000000")
    assert reported.status == "SUCCESSFUL"
    assert statuses.get_by_identity(endpoint=PHONE, method="sms").status == "SUCCESSFUL"


def test_flash_call_by_id_and_by_number(sim: Simulator, verifications: Any, statuses: Any) -> None:
    started = verifications.start_flash_call(identity=IDENTITY, dial_timeout=17)
    assert_started(started, "flashcall")
    details = started.flash_call
    assert isinstance(details.cli_filter, str)
    assert (details.interception_timeout, details.report_timeout, details.deny_call_after) == (45, 75, 0)
    assert verifications.report_flash_call_by_id(id=started.id, cli=proof(sim)).status == "SUCCESSFUL"
    verifications.start_flash_call(identity=IDENTITY)
    assert verifications.report_flash_call_by_identity(endpoint=PHONE, cli=proof(sim)).status == "SUCCESSFUL"
    assert statuses.get_by_identity(endpoint=PHONE, method="flashCall").method == "flashcall"


def test_phone_call_by_id_and_by_number(sim: Simulator, verifications: Any, statuses: Any) -> None:
    started = verifications.start_phone_call(identity=IDENTITY)
    assert_started(started, "callout")
    reported = verifications.report_phone_call_by_id(id=started.id, code=proof(sim))
    assert (reported.status, reported.method) == ("SUCCESSFUL", "callout")
    verifications.start_callout(identity=IDENTITY, speech_locale="es-ES")
    assert sim.inbox()[0]["text"].startswith("Hola.")
    assert verifications.report_phone_call_by_identity(endpoint=PHONE, code=proof(sim)).status == "SUCCESSFUL"
    assert statuses.get_by_id(started.id).status == "SUCCESSFUL"


@pytest.mark.parametrize("start", ["start_seamless", "start_data"])
def test_seamless(sim: Simulator, verifications: Any, start: Any) -> None:
    started = getattr(verifications, start)(identity=IDENTITY)
    assert_started(started, "seamless")
    assert started.seamless.target_uri.startswith(sim.base_url)


def test_legacy_reports(sim: Simulator, verifications: Any) -> None:
    started = verifications.start_sms(identity=IDENTITY)
    document = {"method": "sms", "sms": {"code": proof(sim)}}
    assert verifications.report_by_id(started.id, document).status == "SUCCESSFUL"
    verifications.start_sms(identity=IDENTITY)
    document = {"method": "sms", "sms": {"code": proof(sim)}}
    assert verifications.report_by_identity(PHONE, document).status == "SUCCESSFUL"


@pytest.mark.parametrize(
    ("code", "expected"),
    [("nope", "Invalid identity or code."), ("", "Parameter code is missing.")],
)
def test_a_refusal_reaches_the_sdk_as_its_own_error(verifications: Any, code: Any, expected: Any) -> None:
    started = verifications.start_sms(identity=IDENTITY)
    with pytest.raises(VerificationException) as raised:
        verifications.report_sms_by_id(id=started.id, code=code)
    assert str(raised.value) == expected
    assert raised.value.response_status_code == 400
    assert isinstance(raised.value.http_response.body["errorCode"], int)


def test_the_sdk_with_a_wrong_secret_is_refused(client: Any, verifications: Any) -> None:
    client.configuration.application_secret = "d3Jvbmc="
    with pytest.raises(VerificationException, match=r"Invalid signature\."):
        verifications.start_sms(identity=IDENTITY)
