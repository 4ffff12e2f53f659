"""The log: one line for each request, and nothing in it that is anybody's business."""

import logging

import pytest

from otp_service.core.calls.errors import CallError
from otp_service.providers import Channel
from tests.sinch.conftest import KEY, SECRET, Connect, Serve
from tests.sinch.scripted import Script
from tests.sinch.scripts import ID, NUMBER, REFERENCE, drip, message, raw, refusal, reset, stall, verdict

CODE = "739155"
ODD_HEADERS = raw(b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 2\r\n\r\n{}")


def _everything(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(f"{record.getMessage()} {record.exc_info} {record.__dict__}" for record in caplog.records)


@pytest.mark.parametrize(
    "script",
    [verdict(), refusal(40003), refusal(50000), ODD_HEADERS, stall, drip(message(200, b"{}")), reset],
    ids=["success", "refusal", "failure", "odd headers", "stall", "drip", "reset"],
)
def test_no_number_code_or_secret_is_logged_at_any_level(
    serve: Serve, connect_hastily: Connect, caplog: pytest.LogCaptureFixture, script: Script
) -> None:
    caplog.set_level(logging.DEBUG)
    sinch = connect_hastily(serve(script).url)
    try:
        sinch.report(ID, Channel.SMS, CODE)
        sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)
    except CallError:
        logging.getLogger("test").exception("as an error handler would")
    text = _everything(caplog)
    assert "sinch.call" in text
    for canary in (NUMBER, NUMBER[1:], CODE, ID, REFERENCE, SECRET, "Application " + KEY):
        assert canary not in text


def test_a_call_is_logged_with_its_outcome_and_time(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sinch = connect(serve(refusal(40900)).url)
    with pytest.raises(CallError):
        sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)
    (record,) = caplog.records
    assert record.getMessage() == "sinch.call"
    fields = record.__dict__
    assert (fields["operation"], fields["outcome"], fields["attempt"]) == ("start", "DuplicateReference", 1)
    assert (fields["httpStatus"], fields["errorCode"]) == (409, 40900)
    assert fields["ms"] >= 0


def test_each_try_is_logged_and_so_is_the_breaker(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(CallError):
        connect(serve(refusal(50000)).url, failure_threshold=2).status(ID)
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["sinch.call", "sinch.breaker_opened", "sinch.call"]
