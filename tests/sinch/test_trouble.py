"""Sinch in trouble: what is known afterwards, and that a call always ends."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from otp_service.core.calls.connection import BoundedConnection
from otp_service.core.calls.errors import CallError, NotSent, OutcomeUnknown, Unavailable
from otp_service.providers import Channel, VerificationStatus
from otp_service.sinch.client import SinchClient
from tests.sinch.conftest import Connect, Serve
from tests.sinch.scripted import Heard, Line, Script
from tests.sinch.scripts import (
    ID,
    NUMBER,
    REFERENCE,
    and_hang_up,
    and_stall,
    drip,
    hang_up,
    in_turn,
    message,
    raw,
    receipt,
    refusal,
    reply,
    reset,
    slowly,
    stall,
    verdict,
)
from tests.waiting import PATIENCE_SECONDS

GOOD = json.dumps({"id": ID, "method": "sms", "status": "SUCCESSFUL"}).encode()
GOOD_ANSWER = message(200, GOOD)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ACTS: dict[str, Callable[[SinchClient], Any]] = {
    "start": lambda sinch: sinch.start(NUMBER, Channel.SMS, reference=REFERENCE),
    "report": lambda sinch: sinch.report(ID, Channel.SMS, "1234"),
    "status": lambda sinch: sinch.status(ID),
}
TROUBLE: dict[str, Script] = {
    "stall": stall,
    "stall after the headers": and_stall(raw(GOOD_ANSWER[:-5])),
    "drip of headers": drip(GOOD_ANSWER),
    "drip of endless headers": drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000),
    "drip of the body": in_turn(drip(message(200, GOOD + b" " * 2000), 0.002)),
    "drip of 100s": drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "reset": reset,
    "hang-up": hang_up,
    "half a body": and_hang_up(raw(GOOD_ANSWER[:-5])),
    "half of what was announced": and_hang_up(raw(message(200, GOOD + b" " * 40)[:-20])),
    "half a chunk": and_hang_up(raw(CHUNKED + b"40\r\n" + GOOD)),
    "bad chunks": and_hang_up(raw(CHUNKED + b"zz\r\n" + GOOD + b"\r\n0\r\n\r\n")),
    "not HTTP": raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "a bad status line": raw(b"HTTP/1.1 abc\r\n\r\n"),
    "a page": raw(message(200, b"<html>Welcome to the hotel</html>")),
    "nothing": raw(message(200, b"")),
    "an array": raw(message(200, b"[" + GOOD + b"]")),
    "NaN": raw(message(200, GOOD[:-1] + b',"x":NaN}')),
    "a name twice": raw(message(200, GOOD[:-1] + b',"status":"SUCCESSFUL"}')),
    "deep nesting": raw(message(200, b'{"a":' * 10_000)),
    "huge number": raw(message(200, GOOD[:-1] + b',"x":' + b"9" * 10_000 + b"}")),
    "not UTF-8": raw(message(200, GOOD[:-1] + b',"x":"\xff"}')),
    "compressed": raw(message(200, gzip.compress(GOOD), "Content-Encoding: gzip")),
    "too large": raw(message(200, GOOD + b" " * 70_000)),
    "too large, in chunks": raw(CHUNKED + (b"1000\r\n" + b" " * 4096 + b"\r\n") * 40 + b"0\r\n\r\n"),
    "too large, without end": raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 200_000),
    "too many headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000),
    "a long header": raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000),
    "redirect": raw(message(302, b"", "Location: http://127.0.0.1:9/elsewhere")),
    "redirect that keeps the verb": raw(message(307, GOOD, "Location: /verification/v1/verifications")),
    "redirect to nowhere": raw(message(301, b"", "Location: http://[")),
    "201": raw(message(201, GOOD)),
    "204": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "500": refusal(50000),
    "502 from a gateway": raw(message(502, b"<html>Bad gateway</html>")),
    "503": refusal(50300),
}


@contextmanager
def _ends() -> Iterator[None]:
    """The block ends long before the operating system or a test server would end it."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < PATIENCE_SECONDS


@pytest.mark.parametrize("act", ["start", "report"])
@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE.keys())
def test_after_trouble_the_outcome_is_unknown_and_nothing_is_sent_twice(
    serve: Serve, connect_hastily: Connect, trouble: Script, act: str
) -> None:
    server, sent = serve(trouble), list[str]()
    sinch = connect_hastily(server.url, lambda: sent.append(act))

    with pytest.raises(OutcomeUnknown) as caught:
        ACTS[act](sinch)

    assert caught.value.is_outcome_unknown
    assert (sent, server.has_heard(1)) == ([act], True)


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE.keys())
def test_a_question_is_asked_once_more_within_the_deadline(
    serve: Serve, connect_hastily: Connect, trouble: Script
) -> None:
    server, sent = serve(trouble), list[str]()
    sinch = connect_hastily(server.url, lambda: sent.append("status"))

    with pytest.raises(OutcomeUnknown):
        ACTS["status"](sinch)

    assert (sent, server.has_heard(2)) == (["status", "status"], True)


@pytest.mark.parametrize("trouble", [reset, hang_up, refusal(50300), TROUBLE["half a body"]])
def test_a_question_answered_at_the_second_try_is_answered(serve: Serve, connect: Connect, trouble: Script) -> None:
    server = serve(in_turn(trouble, verdict()))
    assert connect(server.url).status(ID).status is VerificationStatus.SUCCESSFUL


@pytest.mark.parametrize("first", [stall, hang_up], ids=["the first try", "the retry"])
def test_the_deadline_holds_over_both_tries(serve: Serve, connect: Connect, first: Script) -> None:
    sinch = connect(serve(in_turn(first, stall)).url, deadline_seconds=0.5)  # the read time-out is far longer
    with pytest.raises(Unavailable):
        sinch.status(ID)


def test_several_calls_can_share_one_deadline(serve: Serve, connect: Connect) -> None:
    server = serve(stall)
    sinch = connect(server.url)
    with sinch.within(0.3):
        with pytest.raises(Unavailable):
            sinch.report(ID, Channel.SMS, "1234")
        with pytest.raises(NotSent, match="no time is left"):
            sinch.status(ID)
    assert len(server.heard) <= 1


def test_a_refusal_is_not_asked_again(serve: Serve, connect: Connect) -> None:
    server = serve(refusal(40100))
    with pytest.raises(CallError):
        connect(server.url).status(ID)
    assert len(server.heard) == 1


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_where_nobody_listens_nothing_was_sent(connect_hastily: Connect, act: Callable[[SinchClient], Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent) as caught:
        act(connect_hastily(f"http://127.0.0.1:{port}"))
    assert not caught.value.is_outcome_unknown


def test_a_name_that_leads_nowhere_was_not_sent(connect_hastily: Connect) -> None:
    with _ends(), pytest.raises(NotSent):
        connect_hastily("https://sinch.invalid", connect_timeout_seconds=0.3).status(ID)


def test_a_full_backlog_is_a_connect_timeout_and_not_sent(connect_hastily: Connect) -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        sinch = connect_hastily(f"http://127.0.0.1:{listener.getsockname()[1]}", connect_timeout_seconds=0.2)
        with _ends(), pytest.raises(NotSent):
            sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)


def test_a_handshake_that_never_ends_was_not_sent(connect_hastily: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sinch = connect_hastily(f"https://127.0.0.1:{listener.getsockname()[1]}", connect_timeout_seconds=0.2)
        with _ends(), pytest.raises(NotSent):
            sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)


def test_a_server_that_speaks_no_tls_got_nothing(serve: Serve, connect_hastily: Connect) -> None:
    server = serve(receipt())
    with pytest.raises(NotSent):
        connect_hastily(server.url.replace("http", "https"), connect_timeout_seconds=0.2).start(
            NUMBER, Channel.SMS, reference=REFERENCE
        )
    assert not any(heard.method == "POST" for heard in server.heard)


def test_after_a_connection_failed_it_is_tried_once_more(serve: Serve, connect_hastily: Connect) -> None:
    calls: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent):
        connect_hastily(f"http://127.0.0.1:{port}", lambda: calls.append(1)).start(
            NUMBER, Channel.SMS, reference=REFERENCE
        )
    assert len(calls) == 2


def test_a_connection_that_sinch_closed_meanwhile_is_not_used(serve: Serve, connect: Connect) -> None:
    server = serve(and_hang_up(receipt()))
    sinch = connect(server.url)
    for count in range(3):
        sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)
        assert server.has_hung_up(count + 1)
    assert server.connections == 3


def test_a_connection_that_was_idle_for_long_is_not_used(serve: Serve) -> None:
    connection = BoundedConnection("127.0.0.1", serve(receipt()).port, timeout=1)
    connection.connect()
    found = []
    for idle_seconds in (0, 10, 21):
        connection.used_at = time.monotonic() - idle_seconds
        found.append(connection.is_connected)
    connection.close()
    assert found == [True, True, False]


def test_bytes_after_an_answer_do_not_become_the_next_answer(serve: Serve, connect: Connect) -> None:
    forged = message(200, GOOD)
    server = serve(in_turn(raw(message(400, b"{}") + forged), refusal(40003)))
    sinch = connect(server.url)
    with pytest.raises(OutcomeUnknown):
        sinch.report(ID, Channel.SMS, "0000")
    with pytest.raises(CallError) as caught:
        sinch.report(ID, Channel.SMS, "0000")
    assert caught.value.error_code == 40003


def test_after_trouble_the_next_call_gets_its_own_answer(serve: Serve, connect: Connect) -> None:
    is_late = threading.Event()

    def script(line: Line, heard: Heard) -> None:
        if b"1111" in heard.body:
            line.hold()
            is_late.set()
            verdict()(line, heard)
        else:
            refusal(40003)(line, heard)

    sinch = connect(serve(script).url)
    with sinch.within(0.3), pytest.raises(Unavailable) as first:
        sinch.report(ID, Channel.SMS, "1111")
    assert isinstance(first.value, NotSent) or is_late.wait(PATIENCE_SECONDS)

    with pytest.raises(CallError) as second:
        sinch.report(ID, Channel.SMS, "0000")

    assert second.value.error_code == 40003


def test_a_slow_answer_within_the_time_counts(serve: Serve, connect: Connect) -> None:
    sinch = connect(serve(slowly(0.05, reply({"id": ID}))).url)
    assert sinch.start(NUMBER, Channel.SMS, reference=REFERENCE).id == ID


def test_an_answer_in_chunks_is_read(serve: Serve, connect: Connect) -> None:
    chunks = CHUNKED + b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (10, GOOD[:10], len(GOOD) - 10, GOOD[10:])
    server = serve(raw(chunks))
    sinch = connect(server.url)
    assert [sinch.status(ID).id, sinch.status(ID).id] == [ID, ID]
    assert server.connections == 1
