"""Clients that send half a request and wait."""

import socket
from pathlib import Path

import pytest

from tests.http.gunicorn import Gunicorn
from tests.servers.ports import HOST

PATIENCE_SECONDS = 20
HALVES = [
    b"POST /api/v1/auth/login HTT",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: appl",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{",
]


def test_half_a_request_holds_no_thread_for_ever(tmp_path: Path) -> None:
    with Gunicorn(tmp_path, GUNICORN_THREADS="2") as server:
        held = [
            socket.create_connection((HOST, server.port), timeout=PATIENCE_SECONDS) for _ in range(2) for _ in HALVES
        ]
        for connection, half in zip(held, HALVES * 2, strict=True):
            connection.sendall(half)
        for connection in held:
            assert_ended(connection)
        assert server.send(b"GET /health HTTP/1.1\r\n").status == 200


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
