"""GET /ready: what the service stands on, and whether it can serve."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from config import Config
from otp_service import sinch
from otp_service.application import create_app
from otp_service.core.calls.errors import CallError
from otp_service.extensions import db
from otp_service.providers import Channel
from tests.api import Api
from tests.ops.environment import forsaken, leave_redis
from tests.parallel import at_once
from tests.servers import PostgresServer, ValkeyServer

Build = Callable[..., Flask]
ANSWER_SECONDS = 3


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of these tests' own, which they may stop."""
    with PostgresServer() as running:
        yield running


@pytest.fixture(scope="module")
def migrated_url(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database at the newest migration."""
    url = server.create_database("ready")
    app = create_app(Config.from_env({**forsaken(tmp_path_factory.mktemp("ready")), "DATABASE_URL": url}))
    with app.app_context():
        upgrade()
        db.engine.dispose()
    return url


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Applications that stand on nothing but what is named."""
    made: list[Flask] = []

    def make(**settings: str) -> Flask:
        made.append(create_app(Config.from_env({**forsaken(tmp_path), **settings})))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


def ask(app: Flask) -> tuple[int, dict[str, Any]]:
    response = Api(app).get("//ready")
    body = dict(response.json or {})
    if response.status_code == 503:
        assert response.headers["Retry-After"] == str(body["retryAfter"]) == "5"
    return response.status_code, body


def migrations_state(app: Flask) -> tuple[int, str]:
    status, body = ask(app)
    return status, body["checks"]["migrations"]


def test_with_database_and_schema_it_is_ready(build: Build, migrated_url: str) -> None:
    status, body = ask(build(DATABASE_URL=migrated_url, REDIS_URL=""))
    assert status == 200
    assert body == {
        "status": "READY",
        "checks": {
            "server": "up",
            "database": "up",
            "migrations": "at head",
            "limiterStore": "memory",
            "worker": "never seen: run flask worker",
            "providerBreaker": "closed",
            "providerBreakers": {"sinch": "closed"},
        },
    }


def test_the_application_of_the_other_tests_is_ready(api: Api) -> None:
    assert api.get("//ready").json["status"] == "READY"


def test_without_a_database_it_is_not_ready(build: Build) -> None:
    status, body = ask(build())

    assert (status, body["status"]) == (503, "NOT_READY")
    assert (body["checks"]["database"], body["checks"]["migrations"]) == ("down", "unknown")


@pytest.mark.timing
def test_without_a_database_it_answers_in_time(build: Build) -> None:
    app = build()

    started = time.perf_counter()
    ask(app)

    assert time.perf_counter() - started < ANSWER_SECONDS


def test_it_follows_the_database_down_and_up_again(build: Build, server: PostgresServer, migrated_url: str) -> None:
    app = build(DATABASE_URL=migrated_url)
    assert ask(app)[0] == 200
    server.stop()
    try:
        assert [ask(app)[0] for _ in range(3)] == [503] * 3
    finally:
        server.start()
    assert ask(app)[0] == 200


def test_after_a_restart_that_nobody_noticed_it_is_ready_soon(
    build: Build, server: PostgresServer, migrated_url: str
) -> None:
    app = build(DATABASE_URL=migrated_url)
    at_once(5, lambda _: ask(app))
    server.restart()
    assert 200 in [ask(app)[0] for _ in range(2)]
    assert [ask(app)[0] for _ in range(5)] == [200] * 5


def test_an_empty_database_misses_its_migrations(build: Build, server: PostgresServer) -> None:
    app = build(DATABASE_URL=server.create_database("empty"))
    assert migrations_state(app) == (503, "missing: run flask db upgrade")


def test_an_empty_sqlite_file_misses_its_migrations(build: Build, tmp_path: Path) -> None:
    app = build(DATABASE_URL=f"sqlite:///{tmp_path / 'empty.db'}")
    assert migrations_state(app) == (503, "missing: run flask db upgrade")


def test_a_database_at_an_older_migration_is_behind(build: Build, tmp_path: Path) -> None:
    app = build(DATABASE_URL=f"sqlite:///{tmp_path / 'old.db'}")
    with app.app_context():
        upgrade()
        assert migrations_state(app) == (200, "at head")
        downgrade()
        assert migrations_state(app) == (503, "behind: run flask db upgrade")
        downgrade(revision="base")
        assert migrations_state(app) == (503, "behind: run flask db upgrade")
        upgrade()
        assert migrations_state(app) == (200, "at head")


def test_a_database_that_a_newer_version_migrated_can_still_be_served(build: Build, tmp_path: Path) -> None:
    app = build(DATABASE_URL=f"sqlite:///{tmp_path / 'new.db'}")
    with app.app_context():
        upgrade()
        with db.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    assert migrations_state(app) == (200, "ahead: a newer version migrated")


def test_a_lost_redis_is_told_and_does_not_decide(build: Build, migrated_url: str, valkey: ValkeyServer) -> None:
    app = build(DATABASE_URL=migrated_url, REDIS_URL=valkey.url)
    assert limiter_state(app) == (200, "up")
    valkey.stop()
    assert limiter_state(app) == (200, "down: counting in memory")
    valkey.start()
    assert limiter_state(app) == (200, "up")
    leave_redis(app)


def test_a_stalled_redis_is_told(build: Build, migrated_url: str, valkey: ValkeyServer) -> None:
    app = build(DATABASE_URL=migrated_url, REDIS_URL=valkey.url)
    assert limiter_state(app) == (200, "up")

    with stalled(app, valkey):
        assert limiter_state(app) == (200, "down: counting in memory")


@pytest.mark.timing
def test_with_a_stalled_redis_it_answers_in_time(build: Build, migrated_url: str, valkey: ValkeyServer) -> None:
    app = build(DATABASE_URL=migrated_url, REDIS_URL=valkey.url)
    limiter_state(app)

    with stalled(app, valkey):
        started = time.perf_counter()
        limiter_state(app)
        assert time.perf_counter() - started < ANSWER_SECONDS


@contextmanager
def stalled(app: Flask, valkey: ValkeyServer) -> Iterator[None]:
    """Have Valkey answer nothing for a while."""
    valkey.pause()
    try:
        yield
    finally:
        valkey.resume()
        leave_redis(app)


def limiter_state(app: Flask) -> tuple[int, str]:
    status, body = ask(app)
    return status, body["checks"]["limiterStore"]


def test_without_request_limits_their_store_is_off(build: Build, migrated_url: str) -> None:
    assert limiter_state(build(DATABASE_URL=migrated_url, RATE_LIMITS_ENABLED="false")) == (200, "off")


def test_an_open_breaker_is_told_and_does_not_decide(build: Build, migrated_url: str) -> None:
    app = build(DATABASE_URL=migrated_url)
    with app.app_context(), pytest.raises(CallError):
        sinch.get_client().start("+14155552671", Channel.SMS, reference="r")
    status, body = ask(app)
    assert (status, body["checks"]["providerBreaker"]) == (200, "open")


def test_it_is_never_limited(build: Build, migrated_url: str) -> None:
    app = build(DATABASE_URL=migrated_url, REDIS_URL="", RATE_LIMIT_MAX_REQUESTS="1")
    assert [ask(app)[0] for _ in range(5)] == [200] * 5


def test_it_tells_no_address_and_no_password(build: Build) -> None:
    response = Api(build(DATABASE_URL="postgresql://someone:pa55word@127.0.0.1:9/secretname")).get("//ready")
    assert response.status_code == 503
    for private in ("127.0.0.1", "pa55word", "someone", "secretname", "psycopg2"):
        assert private not in response.get_data(as_text=True)
