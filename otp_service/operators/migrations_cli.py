"""What this service adds to the commands of `flask db`: short messages, a dry run, and a guard against lost rows."""

import functools
from collections.abc import Callable
from typing import Any

import click
from flask_migrate.cli import db as migrations_cli
from sqlalchemy.exc import SQLAlchemyError

from otp_service.core.services import settings
from otp_service.operators.output import unusable
from otp_service.ops import schema_changes

Command = Callable[..., Any]


def extend() -> None:
    """Add the options, once. The commands belong to Flask-Migrate, and `flask` takes its own before the application's.

    `flask db` loads the application before it reads the options of the command, so these are there in time.
    """
    if any(option.name == "dry_run" for option in migrations_cli.commands["upgrade"].params):
        return
    for command in migrations_cli.commands.values():
        command.callback = _in_words(command.callback)
    _add(
        "upgrade",
        _with_dry_run,
        click.Option(["--dry-run"], is_flag=True, help="Print the SQL of the migrations that are missing; run none."),
    )
    _add(
        "downgrade",
        _with_guard,
        click.Option(["--yes"], is_flag=True, help="Downgrade although rows may be deleted."),
        click.Option(["--i-know-this-deletes-data"], is_flag=True, help="Needed in production as well."),
    )


def _add(name: str, wrap: Callable[[Command], Command], *options: click.Option) -> None:
    command = migrations_cli.commands[name]
    command.params.extend(options)
    command.callback = wrap(_in_words(command.callback))


def _in_words(act: Command | None) -> Command:
    if act is None:
        raise TypeError("a command of Flask-Migrate has no function")

    @functools.wraps(act)
    def in_words(*arguments: Any, **options: Any) -> Any:
        try:
            return act(*arguments, **options)
        except SQLAlchemyError as error:
            raise unusable(error) from error

    return in_words


def _with_dry_run(act: Command) -> Command:
    @functools.wraps(act)
    def upgrade(*, dry_run: bool, revision: str, **options: Any) -> Any:
        if not dry_run:
            act(revision=revision, **options)
            return
        _in_words(schema_changes.print_upgrade)(options["directory"], revision)

    return upgrade


def _with_guard(act: Command) -> Command:
    @functools.wraps(act)
    def downgrade(*, yes: bool, i_know_this_deletes_data: bool, **options: Any) -> Any:
        is_allowed = yes and (i_know_this_deletes_data or not settings().is_production)
        if not (options["sql"] or is_allowed):
            _refuse_to_lose(_in_words(schema_changes.count_rows)())
        return act(**options)

    return downgrade


def _refuse_to_lose(rows: dict[str, int]) -> None:
    """Raise click.ClickException if there is any row. It asks no question, which a script would answer by accident."""
    if not rows:
        return
    named = ", ".join(f"{count} in {table}" for table, count in rows.items())
    flags = "--yes --i-know-this-deletes-data" if settings().is_production else "--yes"
    raise click.ClickException(
        f"A downgrade deletes tables and columns with their rows ({named}). Make a backup, then add: {flags}"
    )
