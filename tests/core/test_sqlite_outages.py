"""The file of SQLite locked, read-only, on a full disk: requests get 503 soon, and go on when it is as before."""

import ctypes
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import event

from config import Config
from otp_service.application import create_app
from otp_service.extensions import db
from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.core.test_outages import assert_unavailable
from tests.factories import new_details
from tests.waiting import wait_until

pytestmark = pytest.mark.one_database


@dataclass
class Site:
    """A service, and the folder of its database."""

    app: Flask
    folder: Path

    @property
    def file(self) -> Path:
        """The database."""
        return self.folder / "service.db"

    def register(self) -> Answer:
        """Write something."""
        return Api(self.app).post("/auth/register", new_details())

    def state(self) -> tuple[int, str]:
        """What /ready says of the database."""
        response = Api(self.app).get("//ready")
        return response.status_code, response.json["checks"]["database"]

    def reconnect(self) -> None:
        """Drop the connections: a file that is open stays as it was opened."""
        with self.app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows."""
    folder = tmp_path_factory.mktemp("migrated")
    file = folder / "service.db"
    app = create_app(
        Config.from_env(
            {"APP_ENV": "development", "INSTANCE_DIR": str(folder), "DATABASE_URL": f"sqlite:///{file}"},
        )
    )
    with app.app_context():
        upgrade(directory="migrations")
        db.engine.dispose()
    return file


@pytest.fixture
def site(session_sinch: Simulator, migrated: Path, tmp_path: Path) -> Iterator[Site]:
    """A service that waits a tenth of a second for a lock."""
    folder = tmp_path / "database"
    folder.mkdir()
    shutil.copy(migrated, folder)
    settings = {
        "APP_ENV": "development",
        "INSTANCE_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{folder / 'service.db'}",
        "DATABASE_LOCK_TIMEOUT_MS": "100",
        "SINCH_BASE_URL": session_sinch.base_url,
        "RATE_LIMITS_ENABLED": "false",
        "PASSWORD_SALT_ROUNDS": "10",
    }
    app = create_app(Config.from_env(settings))
    with as_any_user():
        yield Site(app, folder)
    with app.app_context():
        db.engine.dispose()


@contextmanager
def as_any_user() -> Iterator[None]:
    """Let the permissions of files count for this thread, also if it runs as root (capabilities(7))."""
    libc, header = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0)
    held, fewer = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, held) == 0
    assert libc.capget(header, fewer) == 0
    fewer[0] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH of the effective set
    assert libc.capset(header, fewer) == 0
    try:
        yield
    finally:
        assert libc.capset(header, held) == 0


def test_a_file_that_another_process_has_locked_is_503_while_the_lock_lasts(site: Site) -> None:
    with closing(sqlite3.connect(site.file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert_unavailable(site.register())
        assert site.state() == (503, "locked")

    assert site.register().status_code == 201
    assert site.state() == (200, "up")


@contextmanager
def full(site: Site) -> Iterator[None]:
    """Let the file have no more pages than it has, which is the same error as a full disk."""

    def limit(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    with site.app.app_context():
        engine = db.engine
    event.listen(engine, "connect", limit)
    site.reconnect()
    try:
        yield
    finally:
        event.remove(engine, "connect", limit)
        site.reconnect()


def test_a_full_disk_is_503_until_there_is_space_and_ready_says_so(site: Site) -> None:
    with full(site):
        wait_until(lambda: site.register().status_code != 201)  # the pages in use have some room
        assert_unavailable(site.register())
        wait_until(lambda: site.register().status_code == 503 and site.state() == (503, "disk full"))

    assert site.register().status_code == 201
    wait_until(lambda: site.state() == (200, "up"))


@pytest.mark.parametrize(
    ("name", "closed", "state"),
    [
        ("service.db", 0o444, "read-only"),
        ("", 0o500, "read-only"),
        ("", 0o000, "down: the file or its folder cannot be opened"),
    ],
)
def test_a_file_or_folder_that_may_not_be_written_is_503_until_it_may(
    site: Site, name: str, closed: int, state: str
) -> None:
    path = site.folder / name
    assert site.register().status_code == 201
    site.reconnect()
    usual = path.stat().st_mode
    path.chmod(closed)

    assert_unavailable(site.register())
    assert site.state() == (503, state)

    path.chmod(usual)
    wait_until(lambda: site.register().status_code == 201)
    assert site.state() == (200, "up")
