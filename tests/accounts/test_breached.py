"""The optional look-up among breached passwords, against a real server on the loopback interface."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from otp_service.accounts.password_policy import is_breached
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import new_details

PASSWORD = "Zürich-Tramlines-4"
DIGEST = hashlib.sha1(PASSWORD.encode()).hexdigest().upper()
OTHERS = "0018A45C4D1DEF81644B54AB7F969B88D65:12\r\n00D4F6E8FA6EECAD2A3AA415EEC418D38EC:2\r\n"


class RangeServer(ThreadingHTTPServer):
    """Answers with `status` and `body`, in chunks or byte by byte when told to; keeps what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RangeHandler)
        self.status = 200
        self.body = OTHERS
        self.is_chunked = False
        self.seconds_between_bytes: float | None = None
        self.asked: list[tuple[str, str | None]] = []
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class RangeHandler(BaseHTTPRequestHandler):
    server: RangeServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Add-Padding"]))
        self.send_response(self.server.status)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        if self.server.seconds_between_bytes is not None:
            self.drip(self.server.seconds_between_bytes)
            return
        body = self.server.body.encode()
        if self.server.is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self, seconds: float) -> None:
        self.end_headers()
        while not self.server.closing.wait(seconds):
            try:
                self.wfile.write(b"0")
            except OSError:
                return

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[RangeServer]:
    with RangeServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.closing.set()
        running.shutdown()
        thread.join()


def test_a_listed_password_is_breached(server: RangeServer) -> None:
    server.body = f"{OTHERS}{DIGEST[5:]}:3\r\n"

    assert is_breached(PASSWORD, base_url=server.url)
    assert is_breached(PASSWORD.replace("ü", "u\u0308"), base_url=f"{server.url}/")


def test_an_answer_in_chunks_is_read_whole(server: RangeServer) -> None:
    server.is_chunked = True
    server.body = f"{OTHERS}{DIGEST[5:]}:3\r\n"

    assert is_breached(PASSWORD, base_url=server.url)


def test_an_unlisted_password_and_one_that_is_padding_are_not_breached(server: RangeServer) -> None:
    assert not is_breached(PASSWORD, base_url=server.url)
    server.body = f"{OTHERS}{DIGEST[5:]}:0\r\n"
    assert not is_breached(PASSWORD, base_url=server.url)


def test_only_five_digits_of_the_hash_leave_and_padding_is_asked_for(server: RangeServer) -> None:
    is_breached(PASSWORD, base_url=server.url)

    assert server.asked == [(f"/range/{DIGEST[:5]}", "true")]


@pytest.mark.parametrize("status", [204, 302, 404, 429, 500, 503])
def test_any_other_status_fails_open_and_is_followed_nowhere(server: RangeServer, status: int) -> None:
    server.status, server.body = status, "" if status == 204 else f"{DIGEST[5:]}:3"

    assert not is_breached(PASSWORD, base_url=server.url)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body", ["<html>", f"{DIGEST[5:]}:many", f"{DIGEST[5:]}:" + "9" * 5000, "ü:1", "0:1\n" * 100_000]
)
def test_nonsense_fails_open_with_a_warning(server: RangeServer, body: str, caplog: pytest.LogCaptureFixture) -> None:
    server.body = body

    assert not is_breached(PASSWORD, base_url=server.url)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert DIGEST not in caplog.text


@pytest.mark.parametrize("seconds_between_bytes", [0.02, 60])
def test_a_service_that_drips_or_stalls_is_given_up(server: RangeServer, seconds_between_bytes: float) -> None:
    server.seconds_between_bytes = seconds_between_bytes
    started = time.monotonic()

    assert not is_breached(PASSWORD, base_url=server.url, timeout_seconds=0.2)
    assert time.monotonic() - started < 60  # about 0.4; without a bound it would never end


def test_a_service_that_is_away_fails_open() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        assert not is_breached(PASSWORD, base_url=f"http://127.0.0.1:{unheard.getsockname()[1]}")


def test_a_registration_with_a_breached_password_is_refused_where_the_look_up_is_on(
    make_app: MakeApp, server: RangeServer
) -> None:
    server.body = f"{OTHERS}{DIGEST[5:]}:3\r\n"
    details = new_details(password=PASSWORD)
    refused = Api(make_app(BREACH_LOOKUP_URL=server.url, PASSWORD_CHARACTER_CLASSES="false")).post(
        "/auth/register", details
    )
    accepted = Api(make_app(PASSWORD_CHARACTER_CLASSES="false")).post("/auth/register", details)
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (400, "password")
    assert accepted.status_code == 201, accepted.json
