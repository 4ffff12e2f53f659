"""What nobody expected is a 500 that gives nothing away; a database that is away is a 503 that says when to return."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from config import Config
from otp_service.application import create_app
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.core.web.api import api as contract
from otp_service.extensions import db
from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.conftest import MakeApp
from tests.core.web.refusals import PROBLEM
from tests.factories import QUICK_HASH_COST, make_person, sign_in
from tests.servers import PostgresServer
from tests.waiting import wait_until

CANARY = "Canary-7"
ANSWER_SECONDS = 3


def surprise() -> NoReturn:
    """Fail as a bug does."""
    raise RuntimeError(f"{CANARY} in {__file__}")


def wrong_statement() -> None:
    """Ask for a table that is not there."""
    fetch_all(text(f'SELECT "{CANARY}" FROM nowhere'))


def broken_rule() -> None:
    """Insert a row without its count."""
    with transaction():
        execute(text(f"INSERT INTO counters VALUES ('{CANARY}', 'x', '2026-01-01 00:00:00+00', NULL)"))


def endless() -> None:
    """Call itself."""
    endless()


@pytest.mark.parametrize("failure", [surprise, wrong_statement, broken_rule, endless])
def test_an_unexpected_failure_is_500_with_the_request_id_and_nothing_of_what_happened(
    make_app: MakeApp, failure: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    app.add_url_rule("/fail", view_func=contract(personal=False)(failure))
    response = Api(app).get("//fail", headers={"X-Request-ID": "trace-me"})
    assert response.status_code == 500
    assert response.json == {
        "status": "error",
        "statusCode": 500,
        "code": "unexpected_error",
        "message": "An unexpected error occurred",
        "requestId": "trace-me",
    }
    assert [record.levelno for record in caplog.records if record.getMessage() == "request.failed"] == [logging.ERROR]


def test_a_failure_told_as_problem_details_gives_nothing_away_either(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/fail", view_func=contract(personal=False)(surprise))
    response = Api(app).get("//fail", headers={"Accept": PROBLEM})
    assert (response.status_code, response.content_type) == (500, PROBLEM)
    assert response.json["detail"] == response.json["title"] == "An unexpected error occurred"
    assert CANARY not in response.text


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL that this module may stop."""
    with PostgresServer() as postgres:
        yield postgres


@pytest.fixture
def stoppable(server: PostgresServer, sinch: Simulator, tmp_path: Path) -> Iterator[Flask]:
    """An application on that database."""
    url = server.create_database(f"stoppable_{time.monotonic_ns()}")
    settings = {"DATABASE_URL": url, "SINCH_BASE_URL": sinch.base_url, "RATE_LIMITS_ENABLED": "false"}
    config = Config.from_env({"INSTANCE_DIR": str(tmp_path), **settings})
    app = create_app(replace(config, passwords=replace(config.passwords, salt_rounds=QUICK_HASH_COST)))
    with app.app_context():
        upgrade(directory="migrations")
    yield app
    with app.app_context():
        db.engine.dispose()


def calls(stoppable: Flask, sinch: Simulator) -> list[Callable[[], Answer]]:
    """Requests of somebody who is signed in, each of which needs the database."""
    api, person = Api(stoppable), make_person(stoppable)
    tokens = sign_in(api, sinch, person)
    return [
        lambda: api.post("/auth/login", person.credentials),
        lambda: api.post("/auth/request-otp", {"email": person.email}),
        lambda: api.post("/auth/verify-otp", {"email": person.email, "otpCode": "1234"}),
        lambda: api.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}),
        lambda: api.get("/profile", token=tokens["token"]),
    ]


@contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    """Take the database away for a while."""
    server.stop()
    try:
        yield
    finally:
        server.start()


def test_while_the_database_is_away_every_answer_is_503(
    stoppable: Flask, server: PostgresServer, sinch: Simulator
) -> None:
    requests = calls(stoppable, sinch)

    with stopped(server):
        responses = [request() for request in requests]
        probes = [Api(stoppable).get(path).status_code for path in ("//health", "//ready")]

    for response in responses:
        assert (response.status_code, response.json["code"]) == (503, "database_unavailable")
        assert int(response.headers["Retry-After"]) == response.json["retryAfter"] >= 1
        assert str(server.port) not in response.text
    assert probes == [200, 503]


@pytest.mark.timing
def test_while_the_database_is_away_every_answer_comes_soon(
    stoppable: Flask, server: PostgresServer, sinch: Simulator
) -> None:
    requests = calls(stoppable, sinch)

    with stopped(server):
        for request in requests:
            started = time.monotonic()
            request()
            assert time.monotonic() - started < ANSWER_SECONDS


def test_when_the_database_is_back_the_service_is_too(
    stoppable: Flask, server: PostgresServer, sinch: Simulator
) -> None:
    api, person = Api(stoppable), make_person(stoppable)
    sign_in(api, sinch, person)
    server.restart()
    wait_until(lambda: api.get("//ready").status_code == 200)
    assert api.post("/auth/login", person.credentials).status_code == 200
