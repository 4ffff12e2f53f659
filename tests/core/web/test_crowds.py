"""Many sign-ins at once at a real gunicorn: a burst waits its turn, and what needs no hash never waits for it."""

import math
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from otp_service.core.crypto.file_locks import lock
from otp_service.core.crypto.hash_queue import HashQueue
from otp_service.simulator import Simulator
from tests.api import Api
from tests.core.web.gunicorn import Answer, Gunicorn
from tests.factories import Person, make_person, new_details, sign_in
from tests.parallel import at_once
from tests.servers.ports import HOST
from tests.waiting import PATIENCE_SECONDS, wait_until

COST = 10
CROWD = 8
PLACES = 5


@pytest.fixture
def settings(environment: dict[str, str]) -> dict[str, str]:
    """One slot for both workers. Keys, tokens and accounts are those of the application under test."""
    return {
        **environment,
        "WEB_CONCURRENCY": "2",
        "PASSWORD_HASH_CONCURRENCY": "1",
        "PASSWORD_HASH_WAIT_MS": "60000",
        "PASSWORD_SALT_ROUNDS": str(COST),
        "GUNICORN_THREADS": "64",
    }


@contextmanager
def occupied(instance: str) -> Iterator[HashQueue]:
    """Hold the only slot of the machine from another process than the workers."""
    folder = Path(instance) / "hash-slots"
    give_back = lock(folder / "hash-slot-0.lock")
    try:
        yield HashQueue(folder, cost=COST, guess_seconds=lambda: 1.0)
    finally:
        give_back()


def log_in(server: Gunicorn, person: Person) -> Answer:
    return server.call("/auth/login", person.credentials)


def test_a_crowd_that_registers_and_signs_in_at_once_is_served_to_the_last(
    app: Flask, settings: dict[str, str], tmp_path: Path
) -> None:
    details = [new_details() for _ in range(CROWD)]
    with Gunicorn(tmp_path, **settings) as server:
        registered = at_once(CROWD, lambda n: server.call("/auth/register", details[n]).status)
        credentials = [{"email": each["email"], "password": each["password"]} for each in details]
        signed_in = at_once(CROWD, lambda n: server.call("/auth/login", credentials[n]).status)

    assert registered == [201] * CROWD
    assert signed_in == [200] * CROWD


@pytest.mark.one_database
def test_while_sign_ins_wait_everything_else_is_answered(
    app: Flask, sinch: Simulator, settings: dict[str, str], tmp_path: Path
) -> None:
    people = [make_person(app) for _ in range(CROWD)]
    signed_in = sign_in(Api(app), sinch, make_person(app))

    with Gunicorn(tmp_path, **settings) as server, ThreadPoolExecutor(CROWD) as pool:
        with occupied(settings["INSTANCE_DIR"]) as queue:
            waiting = [pool.submit(log_in, server, person) for person in people]
            wait_until(lambda: queue.count() == CROWD)
            others = [
                server.send(b"GET /health HTTP/1.1\r\n"),
                server.send(b"GET /ready HTTP/1.1\r\n"),
                server.call("/profile", token=signed_in["token"]),
                server.call("/auth/refresh", {"refreshToken": signed_in["refreshToken"]}),
            ]
            assert [each.status for each in others] == [200] * 4
            assert queue.count() == CROWD
        assert [each.result().status for each in waiting] == [200] * CROWD


@pytest.mark.one_database
def test_beyond_the_bound_a_sign_in_is_refused_with_the_time_that_the_queue_takes(
    app: Flask, settings: dict[str, str], tmp_path: Path
) -> None:
    people = [make_person(app) for _ in range(PLACES)]
    settings |= {"INSTANCE_DIR": str(tmp_path)}
    settings |= {"WEB_CONCURRENCY": "1", "PASSWORD_HASH_QUEUE": str(PLACES), "LOGIN_FAILURES_BEFORE_WAIT": "1"}
    refused = [make_person(app) for _ in range(2)]

    with Gunicorn(tmp_path, **settings) as server, ThreadPoolExecutor(PLACES) as pool:
        with occupied(settings["INSTANCE_DIR"]) as queue:
            queue.note_hash(7.0)
            waiting = [pool.submit(log_in, server, person) for person in people]
            wait_until(lambda: queue.count() == PLACES)
            answers = [log_in(server, person) for person in refused]
            seconds = math.ceil(PLACES * queue.hash_seconds)
        assert [each.result().status for each in waiting] == [200] * PLACES
        again = [log_in(server, person).status for person in refused]

    assert [(each.status, each.json["code"]) for each in answers] == [(503, "overloaded")] * 2
    assert [each.headers["retry-after"] for each in answers] == [str(seconds)] * 2
    assert again == [200, 200]  # one failure would start a wait: the refused tries were not counted


@pytest.mark.one_database
def test_a_sign_in_whose_caller_hung_up_is_neither_hashed_nor_counted(
    app: Flask, settings: dict[str, str], tmp_path: Path
) -> None:
    person = make_person(app)
    with Gunicorn(tmp_path, **settings, LOGIN_FAILURES_BEFORE_WAIT="1") as server:
        with (
            occupied(settings["INSTANCE_DIR"]) as queue,
            socket.create_connection((HOST, server.port), PATIENCE_SECONDS) as caller,
        ):
            body = b'{"email": "%s", "password": "wrong"}' % person.email.encode()
            head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            caller.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            wait_until(lambda: queue.count() == 1)
        wait_until(lambda: "hash.caller_gone" in server.log)
        wait_until(lambda: '"status":503' in server.log.replace(" ", ""))
        assert log_in(server, person).status == 200


@pytest.mark.one_database
def test_answers_that_are_held_back_occupy_no_thread(app: Flask, settings: dict[str, str], tmp_path: Path) -> None:
    settings |= {"HIDE_ACCOUNT_EXISTENCE": "true", "GUNICORN_THREADS": "2", "WEB_CONCURRENCY": "1"}
    with Gunicorn(tmp_path, **settings) as server:
        body = {"otpCode": "1234"}
        statuses = at_once(
            CROWD, lambda n: server.call("/auth/verify-otp", {"email": f"nobody{n}@example.com", **body}).status
        )

    assert statuses == [401] * CROWD
