"""Reads a database's schema and rows as they really are."""

import re
from collections.abc import Iterable
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import column, inspect, select, table, text

from otp_service.extensions import db

VERSIONS = "alembic_version"
OWN_TABLES = "(SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%')"
SNAPSHOTS = {
    "postgresql": (
        """SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale,
        is_nullable, column_default, is_identity FROM information_schema.columns WHERE table_schema = 'public'""",
        """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace""",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    ),
    "sqlite": (
        f"""SELECT t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk
        FROM {OWN_TABLES} t, pragma_table_info(t.name) c""",
        f"""SELECT t.name, i.name, i."unique", i.partial, c.name
        FROM {OWN_TABLES} t, pragma_index_list(t.name) i, pragma_index_info(i.name) c WHERE i.origin = 'c'""",
        f"""SELECT t.name, f."table", f."from", f."to", f.on_delete
        FROM {OWN_TABLES} t, pragma_foreign_key_list(t.name) f""",
    ),
}
CONSTRAINT = r"CONSTRAINT \W?(\w+)"
"""Names a constraint in a statement of SQLite, which tells these names in no other way."""


def differences() -> list[Any]:
    """What a new migration would have to do; empty when the database is what the models say."""
    with db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata))


def tables() -> set[str]:
    """The tables, without the one that notes the version."""
    return set(inspect(db.engine).get_table_names()) - {VERSIONS}


def snapshot() -> set[tuple[Any, ...]]:
    """All that makes up the schema, as the database itself tells it; cheaper than to compare it with the models."""
    with db.engine.connect() as connection:
        parts = SNAPSHOTS[connection.dialect.name]
        found = {tuple(row) for part in parts for row in connection.execute(text(part))}
        if connection.dialect.name == "sqlite":
            made = connection.execute(text(f"SELECT name, sql FROM {OWN_TABLES}"))
            found |= {(row.name, named) for row in made for named in re.findall(CONSTRAINT, row.sql)}
        return {row for row in found if row[0] != VERSIONS}


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
            found[name] = sorted(map(_comparable, connection.execute(statement)), key=repr)
    return found


def _comparable(row: Iterable[Any]) -> tuple[Any, ...]:
    # psycopg2 returns bytes as a memoryview, whose repr is its place in memory: rows would be sorted at random.
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def columns() -> dict[str, set[str]]:
    """The names of all columns, by table."""
    inspector = inspect(db.engine)
    return {name: {column["name"] for column in inspector.get_columns(name)} for name in tables()}


def common(one: dict[str, set[str]], other: dict[str, set[str]], *, but: dict[str, set[str]]) -> dict[str, set[str]]:
    """The columns that both have, since a migration may rename others, without some."""
    return {name: columns & other[name] - but.get(name, set()) for name, columns in one.items()}
