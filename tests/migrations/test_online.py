"""`flask db` on a database that people use: no request waits, nothing is lost by accident, and messages are short."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from flask_migrate import upgrade

from tests.environments import PRODUCTION
from tests.factories import make_person
from tests.migrations import schema
from tests.processes import FlaskCommand, Program
from tests.servers import PostgresServer, free_port
from tests.waiting import wait_until

BEFORE, AFTER = "0017", "0018"  # the migration between them changes tables that exist


@contextmanager
def session(url: str) -> Iterator[Any]:
    """Another client of a PostgreSQL database."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        yield connection.cursor()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of these tests' own."""
    with PostgresServer() as running:
        yield running


@pytest.fixture
def command(tmp_path: Path) -> FlaskCommand:
    """The flask command, without a database."""
    return FlaskCommand(tmp_path, {"INSTANCE_DIR": str(tmp_path)})


@pytest.mark.parametrize("statement", ["SELECT * FROM verifications", "UPDATE counters SET count = 0"])
@pytest.mark.one_database
def test_requests_go_on_while_an_upgrade_waits_for_another_transaction(
    server: PostgresServer, tmp_path: Path, statement: str
) -> None:
    url = server.create_database(f"online_{statement[:6].lower()}")
    command = FlaskCommand(tmp_path, {"INSTANCE_DIR": str(tmp_path), "DATABASE_URL": url})
    assert command.run("db", "upgrade", BEFORE).code == 0

    with session(url) as other, session(url) as request:
        other.execute("SET application_name = 'a backup'")
        other.execute(f"BEGIN; {statement}")
        with command.start("db", "upgrade") as running:
            wait_until(lambda: "process" in complaints_of(running))
            request.execute("SET lock_timeout = '30s'")
            for _ in range(3):
                request.execute("SELECT count(*) FROM verifications")
                request.execute("DELETE FROM counters")
            assert running.is_running
            assert f"process {other.connection.info.backend_pid} (a backup)" in complaints_of(running)

            other.execute("COMMIT")

            assert running.wait() == 0
            assert f"{BEFORE} -> {AFTER}" in running.place.output.read_text()


def complaints_of(running: Program) -> str:
    """What it has written to standard error so far."""
    path = running.place.complaints
    return path.read_text() if path.exists() else ""


def test_each_step_is_printed_with_its_versions_and_its_time(flask_command: FlaskCommand) -> None:
    told = flask_command.run("db", "upgrade", "0002")

    lines = [line.split() for line in told.output.splitlines()]
    assert [line[:3] for line in lines] == [["base", "->", "0001"], ["0001", "->", "0002"]]
    assert all(float(line[3]) >= 0 and line[4] == "s" for line in lines)


def test_a_dry_run_prints_the_sql_that_is_missing_and_changes_nothing(
    empty_app: Flask, flask_command: FlaskCommand
) -> None:
    upgrade(revision=BEFORE)
    before = schema.snapshot()

    told = flask_command.run("db", "upgrade", "--dry-run")

    assert told.code == 0, told.complaints
    assert "'user:' || user_id" in told.output
    assert f"UPDATE alembic_version SET version_num='{AFTER}'" in told.output
    assert "CREATE TABLE users" not in told.output
    assert schema.snapshot() == before


def test_a_dry_run_on_an_empty_database_prints_everything(empty_app: Flask, flask_command: FlaskCommand) -> None:
    told = flask_command.run("db", "upgrade", "--dry-run")

    assert "CREATE TABLE users" in told.output
    assert schema.tables() == set()


@pytest.mark.parametrize("arguments", ["upgrade", "current", "downgrade", "upgrade --dry-run", "check"])
@pytest.mark.one_database
def test_a_database_that_is_away_is_one_short_message(tmp_path: Path, arguments: str) -> None:
    away = {"INSTANCE_DIR": str(tmp_path), "DATABASE_URL": f"postgresql://otp:canary@127.0.0.1:{free_port()}/otp"}

    told = FlaskCommand(tmp_path, away).run("db", *arguments.split())

    assert told.code == 1
    assert told.complaints.startswith("Error: The database cannot be used: ")
    assert "Traceback" not in told.complaints
    assert "canary" not in told.complaints


def test_a_downgrade_that_would_lose_rows_is_refused_without_a_flag(
    empty_app: Flask, flask_command: FlaskCommand
) -> None:
    upgrade()
    make_person(empty_app)
    before = schema.version()

    told = flask_command.run("db", "downgrade", "base")

    assert (told.code, schema.version()) == (1, before)
    assert "1 in users" in told.complaints
    assert "--yes" in told.complaints

    assert flask_command.run("db", "downgrade", "base", "--yes").code == 0
    assert schema.tables() == set()


def test_in_production_it_is_refused_without_a_second_flag(empty_app: Flask, empty_url: str, tmp_path: Path) -> None:
    upgrade()
    make_person(empty_app)
    production = FlaskCommand(tmp_path, {**PRODUCTION, "INSTANCE_DIR": str(tmp_path), "DATABASE_URL": empty_url})

    told = production.run("db", "downgrade", "base", "--yes")

    assert told.code == 1
    assert "--i-know-this-deletes-data" in told.complaints
    assert production.run("db", "downgrade", "base", "--yes", "--i-know-this-deletes-data").code == 0
    assert schema.tables() == set()


def test_a_downgrade_without_rows_needs_no_flag(empty_app: Flask, flask_command: FlaskCommand) -> None:
    upgrade()

    assert flask_command.run("db", "downgrade", "base").code == 0


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
@pytest.mark.one_database
def test_a_database_that_cannot_hold_every_text_is_refused_by_name(
    server: PostgresServer, tmp_path: Path, encoding: str
) -> None:
    url = server.create_database(f"in_{encoding.lower()}", encoding=encoding)
    command = FlaskCommand(tmp_path, {"INSTANCE_DIR": str(tmp_path), "DATABASE_URL": url})

    upgraded, examined = command.run("db", "upgrade"), command.run("doctor")

    assert upgraded.code == examined.code == 1
    assert f"The encoding of the database is {encoding}" in upgraded.complaints
    assert f"wrong encoding: {encoding} instead of UTF8" in examined.output
