"""The schema of the database for operators: the SQL that would bring it up to date, and which tables have rows."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from alembic import command
from alembic.config import Config as AlembicConfig
from flask import current_app
from flask_migrate import upgrade
from sqlalchemy import create_engine, event, inspect, text

from otp_service.core.database.transactions import fetch_all
from otp_service.extensions import db

VERSIONS = "alembic_version"
COUNTED_ROWS = 100_000
_READS = ("SELECT", "PRAGMA")


def count_rows() -> dict[str, int]:
    """Count the rows of each table that has some, up to COUNTED_ROWS."""
    tables = [name for name in sorted(inspect(db.engine).get_table_names()) if name != VERSIONS]
    return {name: count for name in tables if (count := _count(name))}


def _count(table: str) -> int:
    some = f"SELECT 1 FROM {table} LIMIT {COUNTED_ROWS}"  # noqa: S608 - a name that the database gave
    return int(fetch_all(text(f"SELECT count(*) FROM ({some}) AS first_rows"))[0][0])  # noqa: S608


def print_upgrade(directory: str | None, revision: str) -> None:
    """Print the SQL of the migrations that are missing up to a revision. Change no row and take no lock."""
    if db.engine.dialect.name == "postgresql":
        found = ",".join(_versions())
        upgrade(directory=directory, revision=f"{found}:{revision}" if found else revision, sql=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        _print_on_sqlite(_config(directory), revision, Path(folder) / "copy.db")


def _versions() -> list[str]:
    if not inspect(db.engine).has_table(VERSIONS):
        return []
    return [str(row[0]) for row in fetch_all(text(f"SELECT version_num FROM {VERSIONS}"))]  # noqa: S608 - a constant


def _print_on_sqlite(config: AlembicConfig, revision: str, copy: Path) -> None:
    """Run the migrations on a copy without rows: Alembic reads the tables of SQLite to know how to change them."""
    _copy_schema(copy)
    engine = create_engine(f"sqlite:///{copy}")
    event.listen(engine, "before_cursor_execute", _print)
    config.attributes["engine"] = engine
    try:
        command.upgrade(config, revision)
    finally:
        engine.dispose()


def _copy_schema(copy: Path) -> None:
    made = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type = 'index'"
    statements = [str(row[0]) for row in fetch_all(text(made))]
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        for version in _versions():
            connection.execute(f"INSERT INTO {VERSIONS} VALUES (?)", (version,))  # noqa: S608 - a constant


def _print(_: Any, __: Any, statement: str, *___: Any) -> None:
    if not statement.lstrip().upper().startswith(_READS):
        click.echo(f"{statement.strip()};\n")


def _config(directory: str | None) -> AlembicConfig:
    migrate = current_app.extensions["migrate"].migrate
    config: AlembicConfig = migrate.get_config(directory)
    return config
