"""Runs the migrations in one transaction, one process at a time."""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import text
from sqlalchemy.engine import Connection

from otp_service.core.database.transactions import UtcDateTime

LOCK = 7_402_851_936_114_207  # any number that no other application uses on this database

migrate = current_app.extensions["migrate"]
target = migrate.db.metadata


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


def run_online() -> None:
    """Wait for a running upgrade (PostgreSQL: an advisory lock; SQLite: the write lock), then apply the rest."""
    with migrate.db.engine.connect() as connection:
        _set_foreign_keys(connection, "OFF")
        try:
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
                context.configure(
                    connection=connection,
                    target_metadata=target,
                    compare_server_default=True,
                    render_item=_render,
                    transactional_ddl=True,  # on SQLite too: core.database begins for real
                    process_revision_directives=_keep_empty_out,
                    **migrate.configure_args,
                )
                context.run_migrations()
        finally:
            _set_foreign_keys(connection, "ON")


if context.is_offline_mode():
    run_offline()
else:
    run_online()
