"""One exchange with a receiver: which addresses it connects to, and how long and how much it may take."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from otp_service.hooks import transport
from otp_service.hooks.allowed_urls import find_refusal
from otp_service.hooks.transport import NoResponse
from tests.conftest import MakeApp
from tests.hooks.receiver import Receiver
from tests.loopback import noticing
from tests.sinch.certificates import server_context
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.one_database
DRIPS = b"HTTP/1.1 200 OK\r\nX-Drip: "


@contextmanager
def dripping(before: bytes) -> Iterator[str]:
    """A server that says `before` and then one letter after the other, for ever; yields its URL."""
    listener, stop = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(before)
            while not stop.wait(0.05):
                connection.sendall(b"x")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        stop.set()
        listener.close()
        thread.join(PATIENCE_SECONDS)


def test_a_receiver_with_tls_is_known_by_its_name_and_certificate(make_app: MakeApp, tmp_path: Path) -> None:
    context, ca_file = server_context(tmp_path)
    app = make_app(HOOKS_ALLOW_PRIVATE="true", HOOKS_CA_FILE=str(ca_file))

    with Receiver(tls=context) as receiver, app.app_context():
        assert transport.exchange("POST", receiver.url, headers={}, body=b"{}").status == 200


def test_a_certificate_that_nobody_vouches_for_gets_no_event(service: Flask, tmp_path: Path) -> None:
    context, _ = server_context(tmp_path)

    with Receiver(tls=context) as receiver, service.app_context():
        with pytest.raises(NoResponse, match="no connection: certificate"):
            transport.exchange("POST", receiver.url, headers={}, body=b"{}")
        assert receiver.requests == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_no_byte_goes_to_a_private_address_in_any_spelling(app: Flask, receiver: Receiver, host: str) -> None:
    url = receiver.url.replace("127.0.0.1", host)

    with app.app_context(), noticing() as addresses, pytest.raises(NoResponse, match="loopback"):
        transport.exchange("POST", url, headers={}, body=b"{}")

    assert addresses == []
    assert receiver.requests == []


def test_a_name_is_resolved_once_and_connected_to_at_an_address_that_was_checked(
    service: Flask, receiver: Receiver
) -> None:
    url = receiver.url.replace("127.0.0.1", "localhost")

    with service.app_context(), noticing() as addresses:
        assert transport.exchange("POST", url, headers={}, body=b"{}").status == 200

    assert {find_refusal(str(address[0]), allows_private=False) for address in addresses} == {"a loopback address"}
    assert receiver.requests[0].headers["host"] == url.split("/")[2]


def test_a_proxy_of_the_environment_is_not_used(
    service: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)

        with service.app_context():
            transport.exchange("POST", receiver.url, headers={}, body=b"{}")

        assert (len(receiver.requests), len(proxy.requests)) == (1, 0)


def test_a_redirect_is_not_followed(service: Flask, receiver: Receiver) -> None:
    with Receiver() as target:
        receiver.status, receiver.headers = 307, {"Location": target.url}

        with service.app_context():
            response = transport.exchange("POST", receiver.url, headers={}, body=b"{}")

        assert (response.status, response.location, target.requests) == (307, target.url, [])


def test_headers_that_drip_end_the_exchange_in_time(service: Flask) -> None:
    with dripping(DRIPS) as url, service.app_context(), pytest.raises(NoResponse, match=r"no response within 0\.5 s"):
        transport.exchange("POST", url, headers={}, body=b"{}", within=0.5)

    assert transport.TOTAL_SECONDS == 10


def test_a_body_that_drips_ends_in_time_and_its_status_counts(service: Flask) -> None:
    def status_within(seconds: float) -> int | None:
        with dripping(b"HTTP/1.1 200 OK\r\n\r\n") as url, service.app_context():
            try:
                return transport.exchange("POST", url, headers={}, body=b"{}", within=seconds).status
            except NoResponse:
                return None  # on a busy machine, the time was over before the status line

    assert next(filter(None, map(status_within, (0.5, 5, 50)))) == 200


def test_what_is_no_http_is_no_response(service: Flask) -> None:
    with dripping(b"220 mail.example ESMTP\r\n") as url, service.app_context(), pytest.raises(NoResponse):
        transport.exchange("POST", url, headers={}, body=b"{}")


def test_nobody_listening_is_told_in_words(service: Flask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with service.app_context(), pytest.raises(NoResponse, match="no connection: refused"):
        transport.exchange("POST", f"http://127.0.0.1:{port}/", headers={}, body=b"{}")


def test_a_name_without_an_address_is_told_in_words(service: Flask) -> None:
    with service.app_context(), pytest.raises(NoResponse, match="no connection: DNS"):
        transport.exchange("POST", "http://receiver.invalid/", headers={}, body=b"{}")
