"""Runs the migrations one process at a time, and on PostgreSQL without making requests wait for long (ADR 25)."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from alembic import context
from flask import current_app
from sqlalchemy import NullPool, create_engine, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from otp_service.core.database.transactions import UtcDateTime
from otp_service.ops import database_state

LOCK = 7_402_851_936_114_207  # any number that no other application uses on this database

migrate = current_app.extensions["migrate"]
target = migrate.db.metadata

LOCK_MILLISECONDS = 300
"""How long a migration waits for a lock. Requests that come later wait behind it, so it must give up soon."""

GIVE_UP_SECONDS = 600
_MAY_WORK_LATER = {"55P03", "40P01"}  # lock_not_available, deadlock_detected

_BLOCKERS = text(
    "SELECT DISTINCT pid, coalesce(nullif(application_name, ''), 'without a name') AS name,"
    " extract(epoch FROM clock_timestamp() - xact_start)::int AS seconds"
    " FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE granted AND locktype = 'relation' AND datname = current_database() AND relation >= 16384"
    " AND pid <> pg_backend_pid() AND xact_start < clock_timestamp() - interval '1 second'"
    " ORDER BY seconds DESC LIMIT 3"
)


def _keep_empty_out(_: Any, __: Any, directives: list[Any]) -> None:
    """Write no migration when nothing changed."""
    options = getattr(context.config, "cmd_opts", None)
    if options is not None and getattr(options, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives[:] = []


def _render(kind: str, item: Any, _: Any) -> str | bool:
    """Migrations name the column's own type: they must not change when the code around them does."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def _set_foreign_keys(connection: Connection, state: str) -> None:
    """Switch the foreign keys of SQLite: Alembic copies a table to change it, and dropping the old one would cascade.

    SQLite ignores the switch inside a transaction.
    """
    if connection.dialect.name == "sqlite":
        connection.connection.dbapi_connection.execute(f"PRAGMA foreign_keys = {state}")


def run_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(url=str(migrate.db.engine.url), target_metadata=target, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


class Steps:
    """Prints each migration as it is applied, and how long it took."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self, *, step: Any, **_: Any) -> None:
        """Report a step, for Alembic."""
        now = time.monotonic()
        before, after = (
            ", ".join(heads) or "base" for heads in (step.source_revision_ids, step.destination_revision_ids)
        )
        title = step.up_revision.doc if step.up_revision else ""
        click.echo(f"{before} -> {after}  {now - self._started:6.2f} s  {title}")
        self._started = now


def _configure(connection: Connection, **options: Any) -> None:
    context.configure(
        connection=connection,
        target_metadata=target,
        compare_server_default=True,
        render_item=_render,
        transactional_ddl=True,  # on SQLite too: core.database begins for real
        process_revision_directives=_keep_empty_out,
        on_version_apply=Steps(),
        **options,
        **migrate.configure_args,
    )


def run_on_sqlite() -> None:
    """Wait for a running upgrade by the write lock, then apply the rest in one transaction."""
    engine: Engine = context.config.attributes.get("engine", migrate.db.engine)  # a dry run brings another one
    with engine.connect() as connection:
        _set_foreign_keys(connection, "OFF")
        try:
            with connection.begin():
                _configure(connection)
                context.run_migrations()
        finally:
            _set_foreign_keys(connection, "ON")


def run_on_postgresql() -> None:
    """Wait for a running upgrade, then apply each migration in a transaction of its own, again if a lock is missing."""
    # Not the engine of the service: its connections end statements that take long, as building an index does.
    options = current_app.config["SQLALCHEMY_ENGINE_OPTIONS"]
    engine = create_engine(migrate.db.engine.url, poolclass=NullPool, connect_args=dict(options["connect_args"]))
    with _alone(engine) as watcher:
        gives_up_at = time.monotonic() + GIVE_UP_SECONDS
        while not _try(engine):
            if time.monotonic() > gives_up_at:
                raise click.ClickException(
                    f"No lock within {GIVE_UP_SECONDS} s; {_blockers(watcher)}. End them, or run this again later."
                )
            click.echo(f"Waiting for a lock; requests go on meanwhile; {_blockers(watcher)}", err=True)
            time.sleep(random.uniform(0.5, 1.5))  # noqa: S311 - other transactions must get their turn in between


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Hold the lock of upgrades in a transaction of another connection, which also a pooler keeps to one server."""
    with engine.connect() as connection, connection.begin():
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        _require_utf8(connection)
        yield connection


def _require_utf8(connection: Connection) -> None:
    encoding = connection.execute(text("SELECT current_setting('server_encoding')")).scalar_one()
    if encoding != database_state.ENCODING:
        raise click.ClickException(
            f"The encoding of the database is {encoding}, which cannot hold every text. Create another one: "
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )


def _try(engine: Engine) -> bool:
    """Apply what is left. Returns False when a lock was missing; the migrations before that one stay applied."""
    with engine.connect() as connection:
        event.listen(connection, "begin", _limit_locks)
        _configure(connection, transaction_per_migration=True)
        try:
            with context.begin_transaction():
                context.run_migrations()
        except DBAPIError as error:
            if getattr(error.orig, "pgcode", None) in _MAY_WORK_LATER:
                return False
            raise
    return True


def _limit_locks(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}; SET LOCAL statement_timeout = 0")


def _blockers(connection: Connection) -> str:
    connection.execute(text("SELECT pg_stat_clear_snapshot()"))  # a transaction sees the same activity for ever
    found = connection.execute(_BLOCKERS).all()
    named = ", ".join(f"process {row.pid} ({row.name}) for {row.seconds} s" for row in found)
    return f"open transactions: {named}" if named else "many short transactions hold it"


if context.is_offline_mode():
    run_offline()
elif migrate.db.engine.dialect.name == "postgresql":
    run_on_postgresql()
else:
    run_on_sqlite()
