"""PostgreSQL read-only, locked, frozen, moved: requests get 503 soon, and go on when it is back. Also by PgBouncer."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from config import Config
from otp_service.application import create_app
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.extensions import db
from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.factories import new_details
from tests.servers import Gate, PgBouncer, PostgresServer
from tests.waiting import wait_until

DATABASE = "outages"
pytestmark = pytest.mark.one_database


@dataclass
class Site:
    """A service, its database behind a gate, and a second server with the same tables."""

    app: Flask
    gate: Gate
    server: PostgresServer
    other: PostgresServer

    def register(self) -> Answer:
        """Write something."""
        return Api(self.app).post("/auth/register", new_details())

    def state(self) -> tuple[int, str]:
        """What /ready says of the database."""
        response = Api(self.app).get("//ready")
        return response.status_code, response.json["checks"]["database"]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """Two servers with the same tables."""
    settings = {"APP_ENV": "development", "INSTANCE_DIR": str(tmp_path_factory.mktemp("migration"))}
    with PostgresServer() as one, PostgresServer() as other:
        for server in (one, other):
            migrate(server.create_database(DATABASE), settings)
        yield one, other


@pytest.fixture(params=["direct", "pgbouncer"])
def site(
    request: pytest.FixtureRequest,
    servers: tuple[PostgresServer, PostgresServer],
    session_sinch: Simulator,
    tmp_path: Path,
) -> Iterator[Site]:
    """A service that waits a second for its database, with and without a pooler."""
    settings = {
        "APP_ENV": "development",
        "INSTANCE_DIR": str(tmp_path),
        "SINCH_BASE_URL": session_sinch.base_url,
        "RATE_LIMITS_ENABLED": "false",
        "DATABASE_STATEMENT_TIMEOUT_MS": "1000",
        "DATABASE_LOCK_TIMEOUT_MS": "300",
        "DATABASE_POOL_SIZE": "4",
        "LOG_FORMAT": "json",
    }
    with Gate(servers[0].port) as gate, way(gate, is_direct=request.param == "direct") as url:
        app = create_app(Config.from_env({**settings, "DATABASE_URL": url}))
        yield Site(app, gate, *servers)
        with app.app_context():
            db.engine.dispose()


@contextmanager
def way(gate: Gate, *, is_direct: bool) -> Iterator[str]:
    """The address of the database behind the gate, or behind a pooler in front of it."""
    if is_direct:
        yield f"postgresql://postgres@127.0.0.1:{gate.port}/{DATABASE}"
        return
    with PgBouncer(server_port=gate.port) as pooler:
        yield pooler.url(DATABASE)


def migrate(url: str, settings: dict[str, str]) -> None:
    app = create_app(Config.from_env({**settings, "DATABASE_URL": url}))
    with app.app_context():
        upgrade(directory="migrations")
        db.engine.dispose()


@contextmanager
def session(server: PostgresServer) -> Iterator[Any]:
    """Another client of the database."""
    connection = psycopg2.connect(f"{server.url.rpartition('/')[0]}/{DATABASE}")
    connection.autocommit = True
    try:
        yield connection.cursor()
    finally:
        connection.close()


@contextmanager
def read_only(server: PostgresServer) -> Iterator[None]:
    """Refuse writes, as a demoted primary does; sessions stay."""
    try:
        set_read_only(server, "on")
        yield
    finally:
        set_read_only(server, "off")


def set_read_only(server: PostgresServer, value: str) -> None:
    with session(server) as cursor:
        cursor.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        cursor.execute("SELECT pg_reload_conf()")
    wait_until(lambda: setting(server, "default_transaction_read_only") == value)


def setting(server: PostgresServer, name: str) -> str:
    with session(server) as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def assert_unavailable(response: Answer) -> None:
    assert (response.status_code, response.json["code"]) == (503, "database_unavailable"), response.json
    assert int(response.headers["Retry-After"]) == response.json["retryAfter"] > 0


def test_a_read_only_database_is_503_and_ready_says_so(site: Site) -> None:
    assert site.register().status_code == 201

    with read_only(site.server):
        wait_until(lambda: site.register().status_code != 201)  # a session learns of the change a moment later
        assert_unavailable(site.register())
        assert site.state() == (503, "read-only")

    wait_until(lambda: site.register().status_code == 201)
    assert site.state() == (200, "up")


def test_writes_go_on_at_the_new_primary_as_soon_as_the_address_leads_there(site: Site) -> None:
    assert site.register().status_code == 201
    with read_only(site.server):
        wait_until(lambda: site.register().status_code == 503)

        site.gate.lead_to(site.other.port)

        # The old server still lives, and so do the connections to it: through PgBouncer, its own end one by one.
        wait_until(lambda: site.register().status_code == 201)
        assert site.state() == (200, "up")


def test_a_locked_table_is_503_while_the_lock_lasts(site: Site) -> None:
    with session(site.server) as cursor:
        cursor.execute("BEGIN; LOCK TABLE users")
        assert_unavailable(site.register())
        assert_unavailable(Api(site.app).post("/auth/login", {"email": "a@example.com", "password": "Wrong-Horse-7"}))
        assert site.state() == (503, "locked: users")

        cursor.execute("COMMIT")

    assert site.register().status_code == 201
    assert site.state() == (200, "up")


def test_a_frozen_server_is_503_and_works_again_when_it_thaws(site: Site) -> None:
    assert site.register().status_code == 201
    site.server.pause()
    try:
        assert_unavailable(site.register())
        assert_unavailable(site.register())
        assert site.state() == (503, "down: does not respond")
    finally:
        site.server.resume()

    wait_until(lambda: site.register().status_code == 201)
    assert site.state() == (200, "up")


def test_a_restarted_server_is_503_and_works_again_when_it_is_back(site: Site) -> None:
    assert site.register().status_code == 201
    site.server.stop()
    try:
        assert_unavailable(site.register())
        status, state = site.state()
        assert (status, state.startswith("down")) == (503, True)
    finally:
        site.server.start()

    wait_until(lambda: site.register().status_code == 201)


def test_time_outs_hold_in_transactions_and_single_statements_and_stay_with_this_service(site: Site) -> None:
    limits = text("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
    with site.app.app_context():
        with transaction():
            execute(text("SELECT 1"))
            in_transaction = fetch_all(limits)[0]
        alone = fetch_all(limits)[0]

        assert tuple(in_transaction) == tuple(alone) == ("1s", "300ms")

        parts = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    others = [psycopg2.connect(parts) for _ in range(4)]  # PgBouncer gives them the service's server connections
    try:
        for other in others:
            cursor = other.cursor()
            cursor.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
            assert cursor.fetchone() == ("0", "0")
    finally:
        for other in others:
            other.close()


def test_a_transaction_is_two_round_trips_and_a_single_statement_is_one(site: Site) -> None:
    with site.app.app_context():
        fetch_all(text("SELECT 1"))
        site.gate.messages.clear()

        fetch_all(text("SELECT 2"))
        with transaction():
            execute(text("SELECT 3"))

    assert [message.count(b"SELECT") for message in site.gate.messages] == [1, 1, 0]
    assert b"COMMIT" in site.gate.messages[2]


def test_a_failed_transaction_leaves_its_connection_usable(site: Site) -> None:
    with site.app.app_context():
        for statement in ("SELECT 1/0", "no statement at all"):
            with suppress(Exception), transaction():
                execute(text(statement))

        with transaction():
            execute(text("SELECT 1"))
            assert fetch_all(text("SELECT current_setting('transaction_isolation')"))[0][0] == "read committed"
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_server_that_accepts_and_never_responds_is_503_for_all_who_ask(
    tmp_path: Path, servers: tuple[PostgresServer, PostgresServer]
) -> None:
    silent = servers[1]
    url = f"{silent.url.rpartition('/')[0]}/{DATABASE}"
    settings = {"APP_ENV": "development", "INSTANCE_DIR": str(tmp_path), "DATABASE_CONNECT_TIMEOUT_MS": "300"}
    app = create_app(Config.from_env({**settings, "DATABASE_URL": url, "RATE_LIMITS_ENABLED": "false"}))
    silent.pause()
    try:
        assert_unavailable(Api(app).post("/auth/register", new_details()))
        assert Api(app).get("//ready").json["checks"]["database"] == "down: does not respond"
    finally:
        silent.resume()
    wait_until(lambda: Api(app).get("//ready").json["checks"]["database"] == "up")
    with app.app_context():
        db.engine.dispose()
