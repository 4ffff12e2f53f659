"""Clients that send half a request and wait."""

import select
import socket
import threading
import time as real_time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.core.web.gunicorn import Gunicorn
from tests.servers.ports import HOST
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.one_database

SILENT = 40
HALVES = [
    b"POST /api/v1/auth/login HTT",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: appl",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{",
]


def test_half_a_request_holds_no_thread_for_ever(tmp_path: Path) -> None:
    with Gunicorn(tmp_path, GUNICORN_THREADS="6") as server:
        held = [
            socket.create_connection((HOST, server.port), timeout=PATIENCE_SECONDS) for _ in range(2) for _ in HALVES
        ]
        for connection, half in zip(held, HALVES * 2, strict=True):
            connection.sendall(half)
        for connection in held:
            assert_ended(connection)
        assert server.send(b"GET /health HTTP/1.1\r\n").status == 200


def test_connections_that_say_nothing_keep_nobody_waiting(tmp_path: Path) -> None:
    with Gunicorn(tmp_path, GUNICORN_THREADS="2") as server, ExitStack() as hanging_up:
        for _ in range(SILENT):
            hanging_up.enter_context(socket.create_connection((HOST, server.port)))
        started = real_time.monotonic()
        assert server.send(b"GET /health HTTP/1.1\r\n").status == 200
        # Were the two threads to wait for each of them as long as for a request, it would be 100 s or more.
        assert real_time.monotonic() - started < 60


def test_a_connection_may_take_its_time_to_begin(tmp_path: Path) -> None:
    """As load balancers do, which open some before there is a request."""
    with Gunicorn(tmp_path, GUNICORN_THREADS="2") as server:
        connection = socket.create_connection((HOST, server.port), timeout=PATIENCE_SECONDS)
        real_time.sleep(6)
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.close()


@pytest.mark.parametrize("half", [HALVES[1], HALVES[2].replace(b"99", b"65000")])
def test_clients_that_drip_keep_others_out_for_seconds_at_most(tmp_path: Path, half: bytes) -> None:
    """As many as there are threads, each with a byte every half second; one that is cut comes back at once."""
    with Gunicorn(tmp_path, GUNICORN_THREADS="2") as server, ThreadPoolExecutor(2) as drippers:
        is_over = threading.Event()
        for _ in range(2):
            drippers.submit(drip, server.port, half, is_over)
        real_time.sleep(1)
        try:
            statuses = [server.send(b"GET /health HTTP/1.1\r\n").status for _ in range(2)]
        finally:
            is_over.set()
    assert statuses == [200, 200]


def drip(port: int, half: bytes, is_over: threading.Event) -> None:
    while not is_over.is_set():
        with socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS) as connection, suppress(OSError):
            connection.sendall(half)
            while not is_over.wait(0.5) and not is_cut(connection):
                connection.sendall(b" ")


def is_cut(connection: socket.socket) -> bool:
    """Whether the server has answered or hung up."""
    return bool(select.select([connection], [], [], 0)[0])


def assert_ended(connection: socket.socket) -> None:
    """It was answered with an error, or closed, before the client's patience was over."""
    try:
        answer = connection.recv(65_536)
    except ConnectionResetError:
        answer = b""
    except TimeoutError:
        pytest.fail("a thread is still held")
    finally:
        connection.close()
    assert answer == b"" or b" 4" in answer.splitlines()[0]
