"""A real gunicorn stops in order: it announces that, serves on for a while, and leaves no process behind."""

import http.client
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.web.gunicorn import Gunicorn
from tests.servers.ports import HOST, is_open
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.one_database

LONG = "300"
READY = b"GET /ready HTTP/1.1\r\n"
HEALTH = b"GET /health HTTP/1.1\r\n"
PATIENT = "--graceful-timeout 3600"
"""Lets a worker wait for its connections longer than any test waits: one that does so never ends."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Gunicorn]:
    """A service with two workers that waits for long before it closes its listener."""
    with Gunicorn(tmp_path, WEB_CONCURRENCY="2", SHUTDOWN_DELAY=LONG, GUNICORN_CMD_ARGS=PATIENT) as gunicorn:
        yield gunicorn
        if gunicorn.process.is_running:
            gunicorn.process.kill()


def kept(server: Gunicorn) -> http.client.HTTPConnection:
    """A connection that stays open between requests."""
    return http.client.HTTPConnection(HOST, server.port, timeout=PATIENCE_SECONDS)


def get(connection: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    return response


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_after_sigterm_it_is_not_ready_and_still_serves(server: Gunicorn) -> None:
    assert server.send(READY).status == 200

    server.process.terminate()

    wait_until(lambda: server.send(READY).status == 503)
    answer = server.send(READY)
    assert (answer.json["status"], answer.json["checks"]["server"]) == ("NOT_READY", "stopping")
    assert int(answer.headers["retry-after"]) >= 1
    assert [server.send(HEALTH).status for _ in range(10)] == [200] * 10
    assert server.call("/auth/login", {"email": "nobody@example.com", "password": "x"}).status == 401
    assert server.process.is_running


def test_while_it_stops_no_connection_is_kept(server: Gunicorn) -> None:
    connection = kept(server)
    assert get(connection, "/health").headers["Connection"] == "keep-alive"

    server.process.terminate()
    wait_until(lambda: server.send(READY).status == 503)

    response = get(connection, "/health")
    assert (response.status, response.headers["Connection"]) == (200, "close")


def test_a_second_sigterm_ends_the_wait(server: Gunicorn) -> None:
    server.process.terminate()
    wait_until(lambda: server.send(READY).status == 503)

    server.process.terminate()

    assert server.process.wait() == 0
    assert not is_open(server.port)


@pytest.mark.parametrize("delay", ["0", "1"])
def test_it_ends_by_itself_after_its_delay(tmp_path: Path, delay: str) -> None:
    with Gunicorn(tmp_path, SHUTDOWN_DELAY=delay) as server:
        assert server.send(HEALTH).status == 200  # gunicorn waits 25 s for a worker that it told while that started

        server.process.terminate()

        assert server.process.wait() == 0
        assert ("Stopping in 1 s" in server.log) == (delay == "1")


def test_a_balancer_that_follows_ready_loses_no_request(server: Gunicorn) -> None:
    served = 0
    while server.send(READY).status == 200:
        assert server.send(HEALTH).status == 200
        served += 1
        if served == 5:
            server.process.terminate()

    server.process.terminate()
    assert server.process.wait() == 0
    assert "Traceback" not in server.log


def test_a_restart_of_the_workers_loses_no_request(server: Gunicorn) -> None:
    before = set(server.worker_pids)
    server.process.send_signal(signal.SIGHUP)

    while any(map(is_alive, before)):
        assert server.send(HEALTH).status == 200

    assert server.send(READY).status == 200


@pytest.mark.parametrize("is_occupied", [False, True])
def test_workers_end_when_their_master_was_killed(server: Gunicorn, is_occupied: bool) -> None:
    wait_until(lambda: len(server.worker_pids) == 2)
    pids = server.worker_pids
    connections = [socket.create_connection((HOST, server.port)) for _ in range(4 * is_occupied)]
    for connection in connections:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(4_096).startswith(b"HTTP/1.1 200")

    server.process.kill()
    server.process.wait()

    wait_until(lambda: not any(map(is_alive, pids)))
    assert not is_open(server.port)
    for connection in connections:
        connection.close()
