"""The output of every command: JSON for programs, tables for people, and one line for an error."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import IO, Any

import click
import orjson
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from otp_service.core.database.outages import is_unavailable
from otp_service.core.errors import ServiceError
from otp_service.core.text import camel_case, shown

LIST_LIMIT = 10_000
_WANTS_JSON = "otp_service.wants_json"
_JSON = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS

log = logging.getLogger(__name__)

as_json = click.option("--json", "wants_json", is_flag=True, help="Print JSON instead of text.")
at_most = click.option(
    "--limit", type=click.IntRange(1, LIST_LIMIT), default=50, show_default=True, help="The largest number to list."
)


class CommandGroup(AppGroup):
    """Commands that end with one line on standard error and exit code 1 when an expected error stops them.

    Expected are the errors of services, a database that cannot be used, and the `expected` types, whose text is for
    the operator.
    """

    def __init__(self, name: str, *, expected: tuple[type[Exception], ...] = (), **options: Any) -> None:
        super().__init__(name, **options)
        self._expected = expected

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note whether the command is to print JSON: its own context is gone when an error arrives."""
        ctx.meta[_WANTS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises click.ClickException, whose text is JSON for a command with --json."""
        try:
            return self._invoke(ctx)
        except click.ClickException as error:
            if ctx.meta[_WANTS_JSON]:
                raise JsonError(error) from error
            raise

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ServiceError as error:
            raise click.ClickException(error.detail) from error
        except self._expected as error:
            raise click.ClickException(str(error)) from error
        except SQLAlchemyError as error:
            raise unusable(error) from error


def unusable(error: SQLAlchemyError) -> click.ClickException:
    """Return what to tell an operator about a database that cannot be used. Raises the error if it is another one."""
    if not (is_unavailable(error) or isinstance(error, OperationalError | ProgrammingError)):
        raise error
    # The first line only: the rest quotes the statement. The log has all of it at level DEBUG.
    log.debug("command.failed", exc_info=error)
    reason = str(getattr(error, "orig", error)).partition("\n")[0]
    remedy = "Is it running, is DATABASE_URL right, is it migrated (flask db upgrade)? Ask: flask doctor"
    return click.ClickException(f"The database cannot be used: {reason}\n{remedy}")


class JsonError(click.ClickException):
    """An error of a command with --json: one JSON object on standard error, with the same exit code."""

    def __init__(self, error: click.ClickException) -> None:
        super().__init__(error.format_message())
        self.exit_code = error.exit_code  # type: ignore[misc]

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error."""
        line = orjson.dumps({"status": "error", "message": self.format_message()}).decode()
        click.echo(line, file=file, err=file is None)


def print_json(value: Any) -> None:
    """Print JSON. Dataclasses become objects with names in camelCase.

    Characters that could control the terminal are printed as JSON escapes: users choose some of the texts.
    """
    written = orjson.dumps(value, option=_JSON, default=named).decode()
    click.echo("".join(letter if letter.isprintable() or letter == "\n" else _escaped(letter) for letter in written))


def named(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by their names in camelCase."""
    return {camel_case(name): part for name, part in asdict(value).items()}


def print_table(titles: Sequence[str], rows: Iterable[Sequence[object]], *, if_empty: str = "") -> None:
    """Print a table with columns as wide as needed; numbers align right. `if_empty` follows a table without rows."""
    values = [list(row) for row in rows]
    lines = [list(titles), *([_cell(value) for value in row] for row in values)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    is_number = [all(isinstance(value, int | None) for value in column) for column in zip(*values, strict=True)]
    for line in lines:
        aligned = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, is_number or [False] * len(titles), strict=True)
        ]
        click.echo("  ".join(aligned).rstrip())
    if not values and if_empty:
        click.echo(if_empty)


def print_fields(values: Mapping[str, object]) -> None:
    """Print one name and value a line."""
    for name, value in values.items():
        click.echo(f"{name:<24} {_cell(value)}")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return shown(value)


def _escaped(letter: str) -> str:
    return json.dumps(letter)[1:-1]
