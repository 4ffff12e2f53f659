"""No new migration locks a table that people use for longer than a moment on PostgreSQL (ADR 25)."""

import io
import re

import pytest
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from otp_service.extensions import MIGRATIONS

FROM_BEFORE = {"0002", "0006", "0013", "0017", "0018"}
"""Migrations older than the rule. They have run everywhere; a new one is never added here."""

CREATED = re.compile(r"^CREATE TABLE (\w+)")
INDEXED = re.compile(r"^CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)\w+ ON (\w+)")
CHANGED = re.compile(r"^ALTER TABLE (\w+) (.+)")
LONG = {
    "ADD CONSTRAINT": "add it NOT VALID, then VALIDATE it in a migration of its own",
    "SET NOT NULL": "add a valid CHECK (... IS NOT NULL) first",
    "TYPE": "add a column, and fill it in batches",
}


def faults_of(sql: str) -> list[str]:
    """What in the SQL of one migration reads a table that exists as a whole, while it is locked."""
    statements = [" ".join(statement.split()) for statement in sql.split(";")]
    new = {found[1] for statement in statements if (found := CREATED.match(statement))}
    faults = []
    for statement in statements:
        if (found := INDEXED.match(statement)) and found[1] not in new:
            faults.append(f"{found[1]}: make the index CONCURRENTLY, in an autocommit_block of its own migration")
        if (found := CHANGED.match(statement)) and found[1] not in new:
            faults += [f"{found[1]}: {better}" for change, better in LONG.items() if is_long(change, found[2])]
    return faults


def is_long(change: str, statement: str) -> bool:
    if change == "ADD CONSTRAINT":
        return statement.startswith(change) and not re.search(r"NOT VALID$| USING INDEX ", statement)
    return re.search(rf"^ALTER COLUMN \w+ {change}\b", statement) is not None


def scripts() -> list[Script]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return list(ScriptDirectory.from_config(config).walk_revisions())


def sql_of(script: Script) -> str:
    """What the migration sends to PostgreSQL."""
    said = io.StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": said})
    with Operations.context(context):
        script.module.upgrade()
    return said.getvalue()


def test_a_new_migration_locks_no_table_that_exists_for_long() -> None:
    found = {script.revision: faults_of(sql_of(script)) for script in scripts()}

    assert {revision: faults for revision, faults in found.items() if faults and revision not in FROM_BEFORE} == {}


def test_the_list_of_older_migrations_is_exact() -> None:
    assert {script.revision for script in scripts() if faults_of(sql_of(script))} == FROM_BEFORE


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX ix_users_locale ON users (locale)",
        "CREATE UNIQUE INDEX uq_users_name\n  ON users (name) WHERE name IS NOT NULL",
        "ALTER TABLE users ADD CONSTRAINT ck_users CHECK (id > 0)",
        "ALTER TABLE users ADD CONSTRAINT fk_users_id FOREIGN KEY(id) REFERENCES people (id)",
        "ALTER TABLE users ADD CONSTRAINT uq_users_name UNIQUE (name)",
        "ALTER TABLE users ALTER COLUMN name SET NOT NULL",
        "ALTER TABLE users ALTER COLUMN name TYPE VARCHAR(80)",
    ],
)
def test_what_reads_a_whole_table_under_its_lock_is_a_fault(sql: str) -> None:
    assert len(faults_of(f"ALTER TABLE users ADD COLUMN name TEXT;\n{sql};\n")) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY ix_users_locale ON users (locale)",
        "CREATE TABLE people (id INTEGER); CREATE INDEX ix_people_id ON people (id)",
        "CREATE TABLE people (id INTEGER); ALTER TABLE people ADD CONSTRAINT pk_people PRIMARY KEY (id)",
        "ALTER TABLE users ADD CONSTRAINT ck_users CHECK (id > 0) NOT VALID",
        "ALTER TABLE users ADD CONSTRAINT uq_users_name UNIQUE USING INDEX uq_users_name",
        "ALTER TABLE users VALIDATE CONSTRAINT ck_users",
        "ALTER TABLE users ADD COLUMN is_old BOOLEAN DEFAULT false NOT NULL",
        "ALTER TABLE users ALTER COLUMN name DROP NOT NULL",
    ],
)
def test_what_takes_a_lock_for_a_moment_is_no_fault(sql: str) -> None:
    assert faults_of(f"{sql};\n") == []
