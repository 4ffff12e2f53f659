"""Clients that are slow to send, by fault or by design, leave the threads to the others."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.http.gunicorn import CLOSE, Gunicorn
from tests.servers.ports import HOST

THREADS = 2
REQUEST_SECONDS = 5
HALF_HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-"
HALF_BODY = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n" + CLOSE + b"\r\n{"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """A service with few threads."""
    with Gunicorn(tmp_path_factory.mktemp("slow"), GUNICORN_THREADS=str(THREADS)) as gunicorn:
        yield gunicorn


def connect(server: Gunicorn, data: bytes = b"") -> socket.socket:
    connection = socket.create_connection((HOST, server.port), timeout=30)
    connection.sendall(data)
    return connection


def seconds_to_answer(server: Gunicorn) -> float:
    started = time.monotonic()
    assert server.send(b"GET /health HTTP/1.1\r\n").status == 200
    return time.monotonic() - started


def test_silent_connections_hold_nobody_up(server: Gunicorn) -> None:
    silent = [connect(server) for _ in range(10 * THREADS)]
    assert seconds_to_answer(server) < 1
    for connection in silent:
        connection.close()


@pytest.mark.parametrize("half", [HALF_HEAD, HALF_BODY], ids=["head", "body"])
def test_half_a_request_holds_a_thread_for_seconds_only(server: Gunicorn, half: bytes) -> None:
    slow = [connect(server, half) for _ in range(THREADS)]
    time.sleep(0.2)
    assert seconds_to_answer(server) < REQUEST_SECONDS + 1
    for connection in slow:
        connection.close()


def test_clients_that_do_not_hang_up_hold_nobody_up(server: Gunicorn) -> None:
    done = [connect(server, b"GET /health HTTP/1.1\r\n" + CLOSE + b"\r\n") for _ in range(10)]
    time.sleep(0.2)
    assert seconds_to_answer(server) < 1
    for connection in done:
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200 ")
        connection.close()


def test_dripping_gains_no_time(server: Gunicorn) -> None:
    started = time.monotonic()
    with connect(server, HALF_BODY) as connection:
        connection.settimeout(0.3)
        answer = b""
        while not answer and time.monotonic() - started < REQUEST_SECONDS + 2:
            try:
                connection.sendall(b" ")
                answer = connection.recv(1_000)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert time.monotonic() - started > REQUEST_SECONDS - 1


def test_a_client_that_is_merely_slow_is_served(server: Gunicorn) -> None:
    with connect(server) as connection:
        for byte in b"GET /health HTTP/1.1\r\n" + CLOSE + b"\r\n":
            connection.sendall(bytes([byte]))
            time.sleep(0.01)
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200 ")


def test_a_connection_is_kept_for_the_next_request(server: Gunicorn) -> None:
    with connect(server) as connection:
        for pause in (0, 0.1, REQUEST_SECONDS + 0.5):
            time.sleep(pause)
            connection.sendall(b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(4_000).startswith(b"HTTP/1.1 200 ")


def test_slow_clients_are_no_failure_of_the_service(server: Gunicorn) -> None:
    assert '"ERROR"' not in server.log
