"""What the client sends, byte by byte."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from otp_service.providers import Channel
from otp_service.sinch import SignedRequest, verify_signature
from otp_service.sinch.client import SinchClient
from tests.sinch.conftest import KEY, SECRET, Connect, Serve
from tests.sinch.scripted import Heard
from tests.sinch.scripts import ID, NUMBER, REFERENCE, receipt, reply, verdict

ROOT = "/verification/v1/verifications"


def _heard(serve: Serve, connect: Connect, act: Callable[[SinchClient], Any], **settings: Any) -> Heard:
    channel = settings.pop("channel", "sms")
    server = serve(reply({"id": ID, "method": channel, "status": "SUCCESSFUL"}))
    act(connect(server.url, **settings))
    return server.heard[0]


def test_a_start_names_the_number_the_channel_and_our_reference(serve: Serve, connect: Connect) -> None:
    heard = _heard(serve, connect, lambda sinch: sinch.start(NUMBER, Channel.SMS, reference=REFERENCE))
    assert (heard.method, heard.path) == ("POST", ROOT)
    assert heard.body.decode() == (
        f'{{"identity":{{"type":"number","endpoint":"{NUMBER}"}},"method":"sms","reference":"{REFERENCE}"}}'
    )


def test_a_start_can_carry_a_template_a_language_and_a_life_time(serve: Serve, connect: Connect) -> None:
    heard = _heard(
        serve,
        connect,
        lambda sinch: sinch.start(NUMBER, Channel.SMS, reference=REFERENCE, locale="es-ES", template="{{CODE}}"),
        code_ttl_seconds=3725,
    )
    body = json.loads(heard.body)
    assert body["smsOptions"] == {"expiry": "01:02:05", "template": "{{CODE}}"}
    assert heard.headers["accept-language"] == "es-ES"


def test_a_call_is_spoken_in_the_persons_language(serve: Serve, connect: Connect) -> None:
    heard = _heard(
        serve,
        connect,
        lambda sinch: sinch.start(NUMBER, Channel.CALLOUT, reference=REFERENCE, locale="es-ES"),
        channel="callout",
    )
    assert json.loads(heard.body)["calloutOptions"] == {"speech": {"locale": "es-ES"}}


@pytest.mark.parametrize(
    ("channel", "code", "expected"),
    [
        ("sms", "1234", {"method": "sms", "sms": {"code": "1234"}}),
        ("callout", "123456", {"method": "callout", "callout": {"code": "123456"}}),
        ("whatsapp", "1234", {"method": "whatsapp", "whatsapp": {"code": "1234"}}),
        ("flashcall", "+18156540001", {"method": "flashcall", "flashCall": {"cli": "+18156540001"}}),
    ],
)
def test_each_channel_reports_in_its_own_words(
    serve: Serve, connect: Connect, channel: str, code: str, expected: dict[str, Any]
) -> None:
    heard = _heard(serve, connect, lambda sinch: sinch.report(ID, Channel(channel), code), channel=channel)
    assert (heard.method, heard.path) == ("PUT", f"{ROOT}/id/{ID}")
    assert json.loads(heard.body) == expected


@pytest.mark.parametrize(
    ("act", "path"),
    [
        (lambda sinch: sinch.status(ID), f"/id/{ID}"),
        (lambda sinch: sinch.status_by_reference(REFERENCE), f"/reference/{REFERENCE}"),
    ],
)
def test_each_question_has_its_own_path(
    serve: Serve, connect: Connect, act: Callable[[SinchClient], Any], path: str
) -> None:
    heard = _heard(serve, connect, act)
    assert (heard.method, heard.path, heard.body) == ("GET", ROOT + path, b"")
    assert "content-type" not in heard.headers


@pytest.mark.parametrize(
    "act",
    [
        lambda sinch: sinch.start(NUMBER, Channel.SMS, reference=REFERENCE),
        lambda sinch: sinch.report(ID, Channel.SMS, "1234"),
        lambda sinch: sinch.status(ID),
    ],
    ids=["start", "report", "status"],
)
def test_every_request_is_signed_as_it_travels(
    serve: Serve, connect: Connect, act: Callable[[SinchClient], Any]
) -> None:
    heard = _heard(serve, connect, act)
    content_type = heard.headers.get("content-type", "")
    signed = SignedRequest(heard.method, heard.path, heard.headers["x-timestamp"], content_type, heard.body)
    assert verify_signature(signed, heard.headers["authorization"], key=KEY, secret=SECRET)


def test_basic_authentication_sends_the_secret_as_shown(serve: Serve, connect: Connect) -> None:
    heard = _heard(serve, connect, lambda sinch: sinch.status(ID), auth="basic")
    assert heard.headers["authorization"] == "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    assert "x-timestamp" not in heard.headers


def test_an_id_with_odd_characters_stays_one_segment_and_signed(serve: Serve, connect: Connect) -> None:
    server = serve(verdict(id="a/b c?d"))
    connect(server.url).status("a/b c?d")
    heard = server.heard[0]
    assert heard.path == f"{ROOT}/id/a%2Fb%20c%3Fd"
    signed = SignedRequest("GET", heard.path, heard.headers["x-timestamp"])
    assert verify_signature(signed, heard.headers["authorization"], key=KEY, secret=SECRET)


def test_proxies_and_credentials_of_the_environment_are_left_alone(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert _heard(serve, connect, lambda sinch: sinch.status(ID)).path.startswith("/verification")


def test_cookies_are_not_kept(serve: Serve, connect: Connect) -> None:
    server = serve(reply({"id": ID, "method": "sms", "status": "PENDING"}, 200, "Set-Cookie: a=b; Path=/"))
    sinch = connect(server.url)
    sinch.status(ID)
    sinch.status(ID)
    assert "cookie" not in server.heard[1].headers


def test_connections_are_kept_and_used_again(serve: Serve, connect: Connect) -> None:
    server = serve(receipt())
    sinch = connect(server.url)
    for _ in range(5):
        sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)
    assert (len(server.heard), server.connections) == (5, 1)


@pytest.mark.parametrize(
    "act",
    [
        lambda sinch: sinch.start("2015550123", Channel.SMS, reference=REFERENCE),
        lambda sinch: sinch.start("+1201555\u0660123", Channel.SMS, reference=REFERENCE),
        lambda sinch: sinch.start(NUMBER, "seamless", reference=REFERENCE),
        lambda sinch: sinch.start(NUMBER, Channel.SMS, reference=".."),
        lambda sinch: sinch.start(NUMBER, Channel.SMS, reference="a/b"),
        lambda sinch: sinch.start(NUMBER, Channel.SMS, reference=REFERENCE, locale="en\r\nX: y"),
        lambda sinch: sinch.report(ID, Channel.SMS, ""),
        lambda sinch: sinch.report(ID, Channel.FLASHCALL, "1234"),
        lambda sinch: sinch.report("..", Channel.SMS, "1234"),
        lambda sinch: sinch.report(ID, Channel.SMS, "1" * 33),
        lambda sinch: sinch.status(""),
    ],
)
def test_input_that_can_never_be_right_is_not_sent(
    serve: Serve, connect: Connect, act: Callable[[SinchClient], Any]
) -> None:
    server = serve(receipt())
    with pytest.raises(ValueError, match=r"not |has 1"):
        act(connect(server.url))
    assert server.heard == []


def test_the_guard_runs_before_each_request_and_can_stop_it(serve: Serve, connect: Connect) -> None:
    server = serve(receipt())

    def guard() -> None:
        raise AssertionError("a transaction is open")

    with pytest.raises(AssertionError, match="transaction"):
        connect(server.url, guard).start(NUMBER, Channel.SMS, reference=REFERENCE)
    assert server.heard == []
