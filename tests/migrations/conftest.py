"""An empty database for each test, and the flask command as an operator runs it."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade

from otp_service.extensions import db
from tests.conftest import MakeApp
from tests.processes import FlaskCommand
from tests.servers import create_database

_serial = itertools.count()


MakeDatabase = Callable[[], str]


@pytest.fixture(scope="session")
def new_database(
    database_url: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MakeDatabase:
    """Make a database without any table, of either kind; returns the address."""

    def make() -> str:
        if database_url.startswith("sqlite"):
            return f"sqlite:///{tmp_path_factory.mktemp('migrations') / 'empty.db'}"
        return create_database(request.getfixturevalue("postgres_url"), f"migrations_{os.getpid()}_{next(_serial)}")

    return make


@pytest.fixture
def empty_url(new_database: MakeDatabase) -> str:
    """The address of a database without any table."""
    return new_database()


@pytest.fixture(scope="module")
def migrated_app(build_app: MakeApp, new_database: MakeDatabase) -> Iterator[Flask]:
    """The application on a database at the newest migration, for tests that change nothing."""
    app = build_app(DATABASE_URL=new_database())
    with app.app_context():
        upgrade()
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def empty_app(build_app: MakeApp, empty_url: str) -> Iterator[Flask]:
    """The application on an empty database."""
    app = build_app(DATABASE_URL=empty_url)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def flask_command(empty_url: str, tmp_path: Path) -> FlaskCommand:
    """The flask command on that database, far from the project's folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {
        "APP_ENV": "development",
        "INSTANCE_DIR": str(tmp_path / "instance"),
        "DATABASE_URL": empty_url,
        "LOG_FORMAT": "json",
    }
    return FlaskCommand(tmp_path, environment, working_folder=elsewhere)
