"""From nothing to the newest schema and back."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text

from otp_service.extensions import MIGRATIONS, db
from otp_service.simulator import Simulator
from tests.api import Api
from tests.factories import log_in, make_person, sign_in
from tests.migrations import schema
from tests.processes import ROOT, FlaskCommand

REWRITTEN = {"0018": {"counters": {"subject"}}}
"""Columns whose values a migration writes in another form; see test_moved_data.py."""


def revisions() -> list[str]:
    """The migrations, the oldest first."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def test_the_newest_schema_is_what_the_models_say(migrated_app: Flask) -> None:
    assert schema.differences() == []
    assert schema.tables() == set(db.metadata.tables)
    assert schema.version() == [revisions()[-1]]


def test_the_migrations_form_one_line() -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_each_step_down_keeps_the_rows_and_leads_to_the_schema_before_it_and_can_be_gone_up_again(
    empty_app: Flask, sinch: Simulator
) -> None:
    seen = {"base": schema.snapshot()}
    for revision in revisions():
        upgrade(revision=revision)
        seen[revision] = schema.snapshot()
    assert schema.differences() == []
    fill(empty_app, sinch)
    newest = {name: len(rows) for name, rows in schema.rows(schema.columns()).items()}

    for lower, upper in list(pairwise(["base", *revisions()]))[::-1]:
        downgrade(revision=lower)
        assert schema.snapshot() == seen[lower]
        there = schema.columns()
        before = schema.rows(there)
        if lower == revisions()[0]:
            assert before.keys() < newest.keys()
            assert {name: len(rows) for name, rows in before.items()} == {name: newest[name] for name in before}
        assert lower == "base" or len(before["verification_attempts"]) == 1
        upgrade(revision=upper)
        assert schema.snapshot() == seen[upper]
        kept = schema.common(there, schema.columns(), but=REWRITTEN.get(upper, {}))
        above = schema.rows(kept)
        downgrade(revision=lower)
        assert schema.rows(kept) == above, upper
        assert schema.rows(there) == before, upper

    assert schema.tables() == set()


def test_upgrading_twice_changes_nothing(empty_app: Flask) -> None:
    upgrade()
    upgrade()
    assert schema.differences() == []


def fill(app: Flask, sinch: Simulator) -> None:
    """Rows in as many tables as a sign-in reaches."""
    api, person = Api(app), make_person(app)
    sign_in(api, sinch, person)
    log_in(api, make_person(app))
    api.post("/auth/login", {"email": "nobody@example.com", "password": "Wrong-Horse-7"})


def names_in_database() -> Iterator[tuple[str, str | None]]:
    """(table, name) of every constraint and index."""
    inspector = inspect(db.engine)
    for table in schema.tables():
        yield table, inspector.get_pk_constraint(table)["name"] or autoincrement_key(table)
        for read in ("get_unique_constraints", "get_foreign_keys", "get_check_constraints", "get_indexes"):
            yield from ((table, item["name"]) for item in getattr(inspector, read)(table))


def autoincrement_key(table: str) -> str | None:
    """SQLAlchemy writes AUTOINCREMENT into the column on SQLite, where it gives the key no name."""
    is_numbered = db.metadata.tables[table].dialect_options["sqlite"]["autoincrement"]
    return f"pk_{table}" if is_numbered and db.engine.dialect.name == "sqlite" else None


def test_every_constraint_and_index_has_a_name_that_tells_kind_and_table(migrated_app: Flask) -> None:
    found = list(names_in_database())
    assert len(found) > len(schema.tables())
    strangers = [(t, name) for t, name in found if not re.fullmatch(rf"(pk|uq|fk|ck|ix)_{t}(_\w+)?", name or "")]
    assert strangers == []


def test_the_database_knows_every_constraint_and_index_of_the_models(migrated_app: Flask) -> None:
    found = {name for _, name in names_in_database()}
    items = [item for table in db.metadata.sorted_tables for item in (*table.constraints, *table.indexes)]
    wanted = {str(getattr(item, "name", None)) for item in items}
    assert wanted <= found


def test_sqlite_gives_no_user_id_twice(migrated_app: Flask) -> None:
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            made = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'users'")).scalar_one()
        assert "AUTOINCREMENT" in made


def test_after_migrating_foreign_keys_hold(migrated_app: Flask) -> None:
    with db.engine.connect() as connection:
        if db.engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []


def test_the_sql_of_all_migrations_can_be_printed_for_postgresql(empty_url: str, flask_command: FlaskCommand) -> None:
    if empty_url.startswith("postgresql"):
        told = flask_command.run("db", "upgrade", "--sql")

        assert told.code == 0, told.complaints
        assert told.output.count("CREATE TABLE") == len(db.metadata.tables) + 1
        assert "CONSTRAINT uq_users_email UNIQUE" in told.output


def test_the_commands_work_from_any_folder(empty_app: Flask, flask_command: FlaskCommand) -> None:
    upgrade()

    for command in ("current", "history", "heads", "check"):
        told = flask_command.run("db", command)
        assert told.code == 0, told.complaints
        assert revisions()[-1] in told.output or "No new upgrade operations" in told.output


@pytest.mark.one_database
def test_python_finds_the_application_from_any_folder(empty_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flask", "--app", f"{ROOT / 'wsgi.py'}:app", "db", "heads"]
    environment = {"PATH": os.environ["PATH"], "INSTANCE_DIR": str(tmp_path), "DATABASE_URL": empty_url}

    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stderr
    assert revisions()[-1] in told.stdout
