"""The client of the gateway: what it sends, and what each response means."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from otp_service.core.calls.errors import BreakerOpen, CallError, NotSent, OutcomeUnknown, RateLimited, Refused
from otp_service.core.crypto.webhook_signatures import sign
from otp_service.http_gateway.client import GatewayClient
from otp_service.http_gateway.settings import GatewaySettings
from otp_service.providers import NumberRefused, Price
from tests.servers import free_port
from tests.sinch.certificates import server_context
from tests.sinch.conftest import Serve, serve
from tests.sinch.scripted import Script, ScriptedServer
from tests.sinch.scripts import and_hang_up, and_stall, in_turn, message, raw, reply, reset, stall

__all__ = ["serve"]

MESSAGE = {
    "id": "m-1",
    "to": "+14155552671",
    "channel": "sms",
    "text": "Code 481516.",
    "code": "481516",
    "locale": None,
}
SECRET = b"k" * 24
CUT_OFF = b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"price": '
Connect = Callable[..., GatewayClient]


@pytest.fixture
def connect() -> Connect:
    """A client for an address."""

    def make(url: str, **changes: Any) -> GatewayClient:
        defaults: dict[str, Any] = {
            "url": url, "secret": SECRET, "prices": {}, "currency": "EUR", "ca_file": None,
            "read_timeout_seconds": 5.0, "breaker_failures": 100, "concurrency": 4,
        }  # fmt: skip
        return GatewayClient(GatewaySettings(**(defaults | changes)))

    return make


def test_a_message_is_one_signed_request(serve: Serve, connect: Connect) -> None:
    server = serve(reply({}))

    connect(f"{server.url}/messages?team=7").send("m-1", MESSAGE)

    [heard] = server.heard
    signature = sign(SECRET, message_id="m-1", timestamp=int(heard.headers["webhook-timestamp"]), body=heard.body)
    assert (heard.method, heard.path, json.loads(heard.body)) == ("POST", "/messages?team=7", MESSAGE)
    assert (heard.headers["webhook-id"], heard.headers["webhook-signature"]) == ("m-1", signature)
    assert heard.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("script", "price"),
    [
        (reply({"price": "0.04", "currency": "usd"}, 202), Price(Decimal("0.04"), "USD")),
        (reply({"price": 0.04}, 201), Price(Decimal("0.04"), "EUR")),
        (reply({"id": "theirs"}), None),
        (reply({"price": "cheap"}), None),
        (reply({"price": "-1"}), None),
        (reply({"price": "NaN"}), None),
        (reply({"price": "0.04", "currency": 7}), None),
        (raw(message(200, b"OK, thanks")), None),
        (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), None),
        (raw(message(200, b" " * 100_000)), None),
        (and_hang_up(raw(CUT_OFF)), None),
    ],
)
def test_2xx_is_accepted_whatever_the_body_says(
    serve: Serve, connect: Connect, script: Script, price: Price | None
) -> None:
    server = serve(script)

    assert connect(server.url).send("m-1", MESSAGE) == price
    assert len(server.heard) == 1


def test_a_body_that_makes_no_sense_is_logged_and_an_empty_one_is_not(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect(serve(in_turn(raw(b"HTTP/1.1 204 No Content\r\n\r\n"), reply({"price": "cheap"}))).url)

    client.send("m-1", MESSAGE)
    before = [record.getMessage() for record in caplog.records]
    client.send("m-1", MESSAGE)

    assert "http_gateway.body_ignored" not in before
    assert "http_gateway.body_ignored" in {record.getMessage() for record in caplog.records}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (reply({"message": "no"}, 400), NumberRefused),
        (reply({"message": "no"}, 422), NumberRefused),
        (reply({}, 401), Refused),
        (reply({}, 404), Refused),
        (reply({}, 429, "Retry-After: 7"), RateLimited),
        (reply({}, 500), OutcomeUnknown),
        (reply({}, 503, "Retry-After: 7"), OutcomeUnknown),
        (reply({}, 307, "Location: /elsewhere"), OutcomeUnknown),
        (raw(b"gibberish\r\n\r\n"), OutcomeUnknown),
        (reset, OutcomeUnknown),
    ],
)
def test_what_a_response_means(serve: Serve, connect: Connect, script: Script, expected: type[CallError]) -> None:
    server = serve(script)

    with pytest.raises(CallError) as caught:
        connect(server.url).send("m-1", MESSAGE)

    assert type(caught.value) is expected
    assert caught.value.is_outcome_unknown is (expected is OutcomeUnknown)
    assert len(server.heard) == 1  # neither repeated nor redirected


@pytest.mark.parametrize("script", [stall, and_stall(raw(b"HTTP/1.1 200"))])
def test_a_gateway_that_stalls_leaves_the_outcome_unknown(serve: Serve, connect: Connect, script: Script) -> None:
    with pytest.raises(OutcomeUnknown):
        connect(serve(script).url, read_timeout_seconds=0.1).send("m-1", MESSAGE)


@pytest.mark.parametrize("status", [429, 503])
def test_how_long_to_wait_is_what_the_gateway_says(serve: Serve, connect: Connect, status: int) -> None:
    with pytest.raises(CallError) as caught:
        connect(serve(reply({}, status, "Retry-After: 7")).url).send("m-1", MESSAGE)

    assert caught.value.retry_after_seconds == 7


def test_without_a_connection_nothing_was_sent(connect: Connect) -> None:
    with pytest.raises(NotSent):
        connect(f"http://127.0.0.1:{free_port()}/messages").send("m-1", MESSAGE)


def test_only_a_gateway_with_a_certificate_that_is_trusted_gets_a_code(tmp_path: Path, connect: Connect) -> None:
    context, bundle = server_context(tmp_path)
    with ScriptedServer(reply({}), tls=context) as server:
        with pytest.raises(NotSent, match="certificate"):
            connect(server.url).send("m-1", MESSAGE)
        before = len(server.heard)
        connect(server.url, ca_file=bundle).send("m-1", MESSAGE)

    assert (before, len(server.heard)) == (0, 1)


def test_a_gateway_that_keeps_failing_is_left_alone(serve: Serve, connect: Connect) -> None:
    server = serve(reply({}, 500))
    client = connect(server.url, breaker_failures=2)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            client.send("m-1", MESSAGE)

    with pytest.raises(BreakerOpen):
        client.send("m-1", MESSAGE)

    assert (client.state(), len(server.heard)) == ("open", 2)


def test_no_number_and_no_code_is_logged(serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    client = connect(serve(in_turn(reply({}), reply({"message": "14155552671: Code 481516."}, 422), reset)).url)
    client.send("m-1", MESSAGE)
    with pytest.raises(NumberRefused) as refused:
        client.send("m-1", MESSAGE)
    with pytest.raises(OutcomeUnknown):
        client.send("m-1", MESSAGE)

    told = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)

    assert "http_gateway.call" in told
    assert not [private for private in ("14155552671", "481516") if private in told]
    # Operators see it with the message: the gateway's own words may quote what it was sent.
    assert refused.value.summary == "NumberRefused: the HTTP gateway refused the message (HTTP 422)"
