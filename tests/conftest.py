"""Real resources for all tests: databases, the simulated Sinch, the application, and a clock that can be moved."""

import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import event

from config import Config
from otp_service.accounts.settings import ExistenceSettings
from otp_service.application import create_app
from otp_service.core import background, clock
from otp_service.core.services import services_of
from otp_service.extensions import db
from otp_service.simulator import Simulator, SimulatorSettings, running
from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET
from otp_service.verifications import CHANNELS
from tests.api import Api
from tests.contract import Conformity
from tests.factories import QUICK_HASH_COST
from tests.rewriting import take_a_share
from tests.servers import ValkeyServer, create_database, shared_postgres

MakeApp = Callable[..., Flask]

# No test is timed, and a run under CI can be repeated.
hypothesis.settings.register_profile("here", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("here")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all parallel test processes of this run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def postgres_url(shared_folder: Path) -> str:
    """A database of this process's own on a real PostgreSQL."""
    return create_database(shared_postgres(shared_folder), f"test_{os.getpid()}")


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty, migrated database; every test that uses the application runs on both kinds."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'test.db'}"


@pytest.fixture(scope="session")
def session_sinch() -> Iterator[Simulator]:
    """A simulated Sinch on a socket. It takes any time stamp, since tests move the service's clock."""
    with running(SimulatorSettings(DEMO_KEY, DEMO_SECRET, timestamp_tolerance_seconds=10**9)) as simulator:
        yield simulator


@pytest.fixture
def sinch(session_sinch: Simulator) -> Iterator[Simulator]:
    """The simulated Sinch, with nothing in its inboxes and no faults."""
    yield session_sinch
    session_sinch.clear_faults()
    session_sinch.clear_inbox()
    session_sinch.clear_calls()


@pytest.fixture(scope="session")
def environment(
    database_url: str, session_sinch: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The settings of the application under test."""
    return {
        "APP_ENV": "development",
        "INSTANCE_DIR": str(tmp_path_factory.mktemp("instance")),
        "DATABASE_URL": database_url,
        "DATABASE_POOL_SIZE": "60",  # races have 50 threads, and a slow machine must not make them wait for one
        "DATABASE_CONNECT_TIMEOUT_MS": "30000",  # nor end what only takes long on it
        "DATABASE_STATEMENT_TIMEOUT_MS": "60000",
        "DATABASE_LOCK_TIMEOUT_MS": "30000",
        "SINCH_BASE_URL": session_sinch.base_url,
        "RATE_LIMITS_ENABLED": "false",
        "OTP_SENDS_PER_NUMBER_HOUR": "1000",
        "OTP_SENDS_PER_NUMBER_DAY": "1000",
        "PASSWORD_HASH_QUEUE": "100",
        "PASSWORD_HASH_WAIT_MS": "5000",
        "LOG_FORMAT": "json",
        "SINCH_BREAKER_FAILURES": "1000000",
        "WEB_CONCURRENCY": "1",
        "GUNICORN_THREADS": "100",
    }


@pytest.fixture(scope="session")
def conformity() -> Conformity:
    """Compares every answer that a test sees with the OpenAPI document."""
    return Conformity()


@pytest.fixture(scope="session")
def build_app(environment: dict[str, str], conformity: Conformity) -> MakeApp:
    """Make an application with some settings of the test's own."""

    def build(**settings: str) -> Flask:
        # Tests choose channels by name, as far as the provider of the test carries them.
        channels = "sms,callout,whatsapp" if settings.get("OTP_PROVIDERS") == "http" else ",".join(CHANNELS)
        config = Config.from_env({**environment, "OTP_ANONYMOUS_CHANNELS": channels, **settings})
        quick = replace(config.of(ExistenceSettings), answer_seconds=0.0)
        cheap = replace(config.passwords, salt_rounds=QUICK_HASH_COST)
        app = create_app(replace(config, passwords=cheap).with_section(quick))
        app.after_request(conformity.watch)
        _wait_for_no_disk(app)
        return app

    return build


def _wait_for_no_disk(app: Flask) -> None:
    """Let SQLite hand its writes to the system alone, as PostgreSQL does here; no test cuts the power."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))


@pytest.fixture(scope="session")
def session_app(build_app: MakeApp) -> Iterator[Flask]:
    """The application with the database at the newest migration."""
    app = build_app()
    with app.app_context():
        upgrade(directory="migrations")
    yield app
    with app.app_context():
        db.engine.dispose()


def finish(app: Flask) -> None:
    """Wait for what the application left for later."""
    with app.app_context():
        assert background.drain()


@pytest.fixture
def app(session_app: Flask, sinch: Simulator, conformity: Conformity) -> Iterator[Flask]:
    """The application; afterwards every row is deleted, since commits are part of what is tested."""
    yield session_app
    finish(session_app)
    _delete_all_rows(session_app)
    conformity.check()


def _delete_all_rows(app: Flask) -> None:
    """Send all statements at once: after most tests nearly every table is empty, and a round trip costs more."""
    services_of(app).billed_prices.clear()  # it remembers rows
    script = ";".join(f"DELETE FROM {table.name}" for table in reversed(db.metadata.sorted_tables))
    with app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.connection.executescript(f"BEGIN IMMEDIATE;{script};COMMIT")
        else:
            connection.exec_driver_sql(script)
            connection.commit()
    services_of(app).audit_keys.clear()  # it remembers keys that were in the database


@pytest.fixture
def make_app(app: Flask, build_app: MakeApp) -> Iterator[MakeApp]:
    """More applications on the same database, with other settings."""
    made = []

    def make(**settings: str) -> Flask:
        made.append(build_app(**settings))
        return made[-1]

    yield make
    for other in made:
        finish(other)
        with other.app_context():
            db.engine.dispose()


@pytest.fixture
def api(app: Flask) -> Api:
    """A client of the JSON API."""
    return Api(app)


class Time:
    """The service's clock and the simulator's, moved together."""

    def __init__(self, sinch: Simulator) -> None:
        self._sinch = sinch
        self._skipped = timedelta()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._skipped += timedelta(seconds=seconds)
        clock.use(lambda: clock.system_now() + self._skipped)
        self._sinch.advance(seconds)


@pytest.fixture
def time(sinch: Simulator) -> Iterator[Time]:
    """A clock that can be moved forward."""
    yield Time(sinch)
    clock.use(None)


@pytest.fixture(scope="session")
def session_valkey() -> Iterator[ValkeyServer]:
    """A real Valkey."""
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def valkey(session_valkey: ValkeyServer) -> ValkeyServer:
    """A real Valkey without keys, running."""
    session_valkey.restart()
    return session_valkey


def pytest_configure(config: Any) -> None:
    """Close every socket beyond loopback (see tests/loopback.py)."""
    from tests.loopback import close_the_rest

    close_the_rest()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Share the work that a fresh checkout has (see tests/rewriting.py)."""
    take_a_share(session.config)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave what the collection made out of later garbage collections: it is large, and lives to the end."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what would only be run again: on PostgreSQL, see `_says_nothing_new`."""
    again = {item for item in items if _says_nothing_new(item)}
    if again:
        config.hook.pytest_deselected(items=list(again))
        items[:] = [item for item in items if item not in again]


def _says_nothing_new(item: pytest.Item) -> bool:
    """On PostgreSQL a test with several cases is run with the first: its statements are the same in the others."""
    spec = getattr(item, "callspec", None)
    if spec is None or spec.params.get("database_url") != "postgresql":
        return False
    if item.get_closest_marker("one_database"):
        return True
    is_further_case = any(index for name, index in spec.indices.items() if name != "database_url")
    return is_further_case and not any(map(item.get_closest_marker, ("each_case", "race", "chaos")))
