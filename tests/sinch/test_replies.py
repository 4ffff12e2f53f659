"""Good answers, read strictly where a grant depends on it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from otp_service.core.calls.errors import OutcomeUnknown
from otp_service.providers import Channel, Price, VerificationStatus
from otp_service.sinch.api_types import Reason, Receipt
from otp_service.sinch.client import SinchClient
from tests.sinch.conftest import Connect, Serve
from tests.sinch.scripts import ID, NUMBER, REFERENCE, receipt, refusal, reply, verdict

SUCCESS = {
    "id": ID,
    "method": "sms",
    "status": "SUCCESSFUL",
    "reference": REFERENCE,
    "price": {"verificationPrice": {"currencyId": "EUR", "amount": 0.0445}},
    "identity": {"type": "number", "endpoint": NUMBER},
    "countryId": "US",
    "verificationTimestamp": "2024-05-22T09:38:59.5590437",
    "source": "manual",
}


def test_a_receipt_has_the_id_and_the_life_of_the_code(serve: Serve, connect: Connect) -> None:
    sinch = connect(serve(receipt()).url)
    assert sinch.start(NUMBER, Channel.SMS, reference=REFERENCE) == Receipt(ID, Channel.SMS, 298)


def test_the_receipt_of_a_flash_call_has_its_report_timeout(serve: Serve, connect: Connect) -> None:
    details = {"cliFilter": "(.*)8156(.*)", "interceptionTimeout": 45, "reportTimeout": 75, "denyCallAfter": 0}
    sinch = connect(serve(reply({"id": ID, "method": "flashcall", "flashCall": details})).url)
    found = sinch.start(NUMBER, Channel.FLASHCALL, reference=REFERENCE)
    assert found == Receipt(ID, Channel.FLASHCALL, 75)


def test_a_receipt_needs_no_more_than_an_id(serve: Serve, connect: Connect) -> None:
    sinch = connect(serve(reply({"id": "a"})).url)
    assert sinch.start(NUMBER, Channel.CALLOUT, reference=REFERENCE) == Receipt("a", Channel.CALLOUT)


def test_a_right_code_is_reported_as_successful(serve: Serve, connect: Connect) -> None:
    report = connect(serve(verdict("Successful")).url).report(ID, Channel.SMS, "1234")
    assert (report.id, report.status, report.reason) == (ID, VerificationStatus.SUCCESSFUL, None)


def test_a_status_is_read_to_the_last_decimal(serve: Serve, connect: Connect) -> None:
    status = connect(serve(reply(SUCCESS)).url).status(ID)
    assert status.status is VerificationStatus.SUCCESSFUL
    assert status.price == Price(Decimal("0.0445"), "EUR")
    assert status.reference == REFERENCE


def test_a_call_costs_its_termination_too(serve: Serve, connect: Connect) -> None:
    price = {
        "verificationPrice": {"currencyId": "EUR", "amount": 0.1852},
        "terminationPrice": {"currencyId": "EUR", "amount": 0.03},
    }
    answer = SUCCESS | {"method": "callout", "price": price, "callResult": "ANSWERED"}
    status = connect(serve(reply(answer)).url).status(ID)
    assert status.price is not None
    assert status.price.total == Decimal("0.2152")


@pytest.mark.parametrize(
    "price",
    [
        None,
        "free",
        {},
        {"verificationPrice": 1},
        {"verificationPrice": {"currencyId": "EUR", "amount": "0.1"}},
        {"verificationPrice": {"currencyId": "EUR", "amount": True}},
        {"verificationPrice": {"currencyId": "EUR", "amount": -1}},
        {"verificationPrice": {"currencyId": "EUR", "amount": 1e300}},
        {"verificationPrice": {"currencyId": "EUR", "amount": 1e-300}},
        {"verificationPrice": {"currencyId": "EURO", "amount": 1}},
    ],
)
def test_an_odd_price_is_no_price_and_spoils_nothing(serve: Serve, connect: Connect, price: Any) -> None:
    status = connect(serve(reply(SUCCESS | {"price": price})).url).status(ID)
    assert (status.status, status.price) == (VerificationStatus.SUCCESSFUL, None)


def test_a_reason_that_we_do_not_know_is_kept_as_other(serve: Serve, connect: Connect) -> None:
    status = connect(serve(verdict("ERROR", "Solar flare")).url).status(ID)
    assert (status.status, status.reason) == (VerificationStatus.ERROR, Reason.OTHER)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.OTHER])
def test_each_documented_reason_is_known(serve: Serve, connect: Connect, reason: Reason) -> None:
    assert connect(serve(verdict("FAIL", reason.value)).url).status(ID).reason is reason


def test_a_start_that_got_through_is_found_by_its_reference(serve: Serve, connect: Connect) -> None:
    found = connect(serve(reply(SUCCESS | {"status": "PENDING"})).url).find_started(REFERENCE)
    assert found is not None
    assert (found.id, found.status) == (ID, VerificationStatus.PENDING)


def test_a_start_that_never_arrived_is_not_found(serve: Serve, connect: Connect) -> None:
    assert connect(serve(refusal(40400)).url).find_started(REFERENCE) is None


def test_a_page_that_is_merely_missing_does_not_count_as_never_started(serve: Serve, connect: Connect) -> None:
    with pytest.raises(OutcomeUnknown):
        connect(serve(reply({"error": "no such route"}, 404)).url).find_started(REFERENCE)


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        (lambda sinch: sinch.report(ID, Channel.SMS, "1234"), SUCCESS | {"id": "another"}),
        (lambda sinch: sinch.report(ID, Channel.CALLOUT, "1234"), SUCCESS),
        (lambda sinch: sinch.report(ID, Channel.SMS, "1234"), SUCCESS | {"status": True}),
        (lambda sinch: sinch.report(ID, Channel.SMS, "1234"), SUCCESS | {"status": "SUCCESS"}),
        (lambda sinch: sinch.report(ID, Channel.SMS, "1234"), SUCCESS | {"status": ["SUCCESSFUL"]}),
        (lambda sinch: sinch.report(ID, Channel.SMS, "1234"), {"status": "SUCCESSFUL"}),
        (lambda sinch: sinch.report(ID, Channel.SMS, "1234"), SUCCESS | {"status": "PENDING"}),
        (lambda sinch: sinch.report(ID, Channel.SMS, "1234"), SUCCESS | {"id": 7}),
        (lambda sinch: sinch.status(ID), SUCCESS | {"id": "another"}),
        (lambda sinch: sinch.status_by_reference(REFERENCE), SUCCESS | {"reference": "another"}),
        (lambda sinch: sinch.start(NUMBER, Channel.SMS, reference=REFERENCE), {"id": ""}),
        (lambda sinch: sinch.start(NUMBER, Channel.SMS, reference=REFERENCE), {"id": "x" * 201}),
        (lambda sinch: sinch.start(NUMBER, Channel.SMS, reference=REFERENCE), {"id": ".."}),
        (lambda sinch: sinch.start(NUMBER, Channel.SMS, reference=REFERENCE), {"id": ID, "method": "callout"}),
    ],
)
def test_an_answer_about_something_else_decides_nothing(
    serve: Serve, connect: Connect, act: Callable[[SinchClient], Any], answer: Any
) -> None:
    with pytest.raises(OutcomeUnknown):
        act(connect(serve(reply(answer)).url))
