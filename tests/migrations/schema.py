"""Reads a database's schema and rows as they really are."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import column, inspect, select, table

from otp_service.extensions import db

VERSIONS = "alembic_version"


def differences() -> list[Any]:
    """What a new migration would have to do; empty when the database is what the models say."""
    with db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata))


def tables() -> set[str]:
    """The tables, without the one that notes the version."""
    return set(inspect(db.engine).get_table_names()) - {VERSIONS}


def version() -> list[str]:
    """The migrations that the database says it is at."""
    with db.engine.connect() as connection:
        return sorted(MigrationContext.configure(connection).get_current_heads())


def rows(columns: dict[str, set[str]]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of some tables, by some columns of each."""
    found = {}
    with db.engine.connect() as connection:
        for name, wanted in columns.items():
            # As the database stores them: to reflect every table each time would take most of the test's time.
            statement = select(*map(column, sorted(wanted))).select_from(table(name))
            found[name] = sorted(map(tuple, connection.execute(statement)), key=repr)
    return found


def columns() -> dict[str, set[str]]:
    """The names of all columns, by table."""
    inspector = inspect(db.engine)
    return {name: {column["name"] for column in inspector.get_columns(name)} for name in tables()}


def common(one: dict[str, set[str]], other: dict[str, set[str]], *, but: dict[str, set[str]]) -> dict[str, set[str]]:
    """The columns that both have, since a migration may rename others, without some."""
    return {name: columns & other[name] - but.get(name, set()) for name, columns in one.items()}
