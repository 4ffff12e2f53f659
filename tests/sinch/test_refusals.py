"""Each way in which Sinch says no, and what it becomes."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from otp_service.core import clock
from otp_service.core.calls.errors import CallError, OutcomeUnknown, RateLimited, Refused
from otp_service.providers import Channel
from otp_service.sinch import BadCredentials, VerificationNotFound
from otp_service.sinch.errors import (
    BadRequest,
    CodeRejected,
    Denied,
    DestinationDenied,
    DuplicateReference,
    NoCredit,
    VerificationExpired,
    VerificationFailed,
)
from tests.sinch.conftest import Connect, Serve
from tests.sinch.scripts import ID, NUMBER, REFERENCE, refusal, reply, verdict


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (40001, BadRequest),
        (40002, BadRequest),
        (40003, BadRequest),
        (40100, BadCredentials),
        (40102, BadCredentials),
        (40105, BadCredentials),
        (40200, NoCredit),
        (40300, DestinationDenied),
        (40303, Denied),
        (40400, BadRequest),
        (40900, DuplicateReference),
        (42200, BadRequest),
        (42201, DestinationDenied),
        (42202, BadRequest),
    ],
)
def test_a_refused_start_says_why(serve: Serve, connect: Connect, code: int, expected: type[Refused]) -> None:
    server = serve(refusal(code))
    with pytest.raises(expected) as caught:
        connect(server.url).start(NUMBER, Channel.SMS, reference=REFERENCE)
    assert type(caught.value) is expected
    assert (caught.value.error_code, caught.value.http_status) == (code, code // 100)
    assert not caught.value.is_outcome_unknown
    assert len(server.heard) == 1


def test_a_wrong_code_is_rejected_and_the_verification_lives_on(serve: Serve, connect: Connect) -> None:
    with pytest.raises(CodeRejected) as caught:
        connect(serve(refusal(40003)).url).report(ID, Channel.SMS, "0000")
    assert caught.value.http_status == 400


def test_a_wrong_code_may_be_the_last(serve: Serve, connect: Connect) -> None:
    with pytest.raises(CodeRejected) as caught:
        connect(serve(verdict("FAIL", "Invalid code")).url).report(ID, Channel.SMS, "0000")
    assert caught.value.http_status == 200


def test_an_error_code_may_come_as_text(serve: Serve, connect: Connect) -> None:
    with pytest.raises(CodeRejected):
        connect(serve(reply({"errorCode": "40003", "message": ""}, 400)).url).report(ID, Channel.SMS, "0000")


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        ("FAIL", "Expired", VerificationExpired),
        ("FAIL", "Invalid CLI", CodeRejected),
        ("FAIL", "Hung up without entering valid code", VerificationFailed),
        ("FAIL", "Failed pending", VerificationFailed),
        ("FAIL", None, VerificationFailed),
        ("FAIL", "Solar flare", VerificationFailed),
        ("DENIED", "Fraud", DestinationDenied),
        ("DENIED", "Blocked", DestinationDenied),
        ("DENIED", "Destination denied", DestinationDenied),
        ("DENIED", "Not enough credit", NoCredit),
        ("DENIED", "Denied by callback", Denied),
        ("DENIED", "Invalid callback", Denied),
        ("DENIED", None, Denied),
        ("ABORTED", None, VerificationFailed),
        ("ERROR", "SMS delivery failure", VerificationFailed),
        ("ERROR", "Internal error", VerificationFailed),
    ],
)
def test_a_verdict_other_than_success_is_an_error(
    serve: Serve, connect: Connect, status: str, reason: str | None, expected: type[CallError]
) -> None:
    with pytest.raises(expected) as caught:
        connect(serve(verdict(status, reason)).url).report(ID, Channel.SMS, "1234")
    assert type(caught.value) is expected


def test_a_verification_that_sinch_does_not_know_is_not_found(serve: Serve, connect: Connect) -> None:
    sinch = connect(serve(refusal(40400)).url)
    with pytest.raises(VerificationNotFound):
        sinch.report(ID, Channel.SMS, "1234")
    with pytest.raises(VerificationNotFound):
        sinch.status(ID)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("7", 7.0), ("0", 0.0), ("99999999999", 3600.0), ("soon", None), ("-1", None), ("\u0667", None)],
)
def test_a_rate_limit_says_when_to_come_back(
    serve: Serve, connect: Connect, header: str, expected: float | None
) -> None:
    with pytest.raises(RateLimited) as caught:
        connect(serve(refusal(42900, 429, f"Retry-After: {header}")).url).status(ID)
    assert caught.value.retry_after_seconds == expected
    assert not caught.value.is_outcome_unknown


def test_a_rate_limit_may_name_a_date(serve: Serve, connect: Connect) -> None:
    now = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    clock.use(lambda: now)
    try:
        date = format_datetime(now + timedelta(seconds=60), usegmt=True)
        with pytest.raises(RateLimited) as caught:
            connect(serve(refusal(42901, 429, f"Retry-After: {date}")).url).status(ID)
    finally:
        clock.use(None)
    assert caught.value.retry_after_seconds == 60


def test_a_rate_limit_without_a_body_is_one(serve: Serve, connect: Connect) -> None:
    with pytest.raises(RateLimited):
        connect(serve(reply("slow down", 429)).url).start(NUMBER, Channel.SMS, reference=REFERENCE)


@pytest.mark.parametrize(("status", "expected"), [(401, BadCredentials), (402, NoCredit), (403, Denied)])
def test_a_gateways_no_is_a_no(serve: Serve, connect: Connect, status: int, expected: type[Refused]) -> None:
    with pytest.raises(expected):
        connect(serve(reply({"message": "Forbidden"}, status)).url).start(NUMBER, Channel.SMS, reference=REFERENCE)


@pytest.mark.parametrize("status", [400, 404, 405, 408, 409, 413, 422])
@pytest.mark.parametrize("payload", [{}, [], {"errorCode": 50000}, {"errorCode": True}, {"errorCode": None}])
def test_a_no_that_is_not_sinchs_leaves_the_outcome_open(
    serve: Serve, connect: Connect, status: int, payload: object
) -> None:
    with pytest.raises(OutcomeUnknown):
        connect(serve(reply(payload, status)).url).report(ID, Channel.SMS, "1234")


def test_no_error_quotes_sinchs_message(serve: Serve, connect: Connect) -> None:
    with pytest.raises(BadRequest) as caught:
        connect(serve(refusal(40001)).url).start(NUMBER, Channel.SMS, reference=REFERENCE)
    assert NUMBER not in f"{caught.value!r} {caught.value.__dict__}"
