"""`flask users import` and `flask users export`: moving in and out."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from otp_service.accounts import importing
from otp_service.accounts.exporting import export_users
from otp_service.accounts.importing import Fault, Outcome, Plan, Source, SourceError
from otp_service.core.settings import settings

PROGRESS_EVERY = 10_000
_ERASE_LINE = "\x1b[2K"
_format = click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), help="CSV or JSON lines.")


@click.command("import")
@click.argument("source")
@_format
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")
@click.option("--skip-bad", is_flag=True, help="Import the good ones and list the bad ones; else all or nothing.")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON instead of text.")
@with_appcontext
def import_users(source: str, form: str | None, dry_run: bool, skip_bad: bool, wants_json: bool) -> None:
    """Bring users in, passwords included, from SOURCE.

    SOURCE is a CSV or JSON-lines file (- for standard input), or postgresql://... for the database of the first
    version of this system. See docs/moving-in.md.
    """
    plan = Plan(dry_run=dry_run, skip_bad=skip_bad)
    watcher = _Watcher(is_quiet=wants_json)
    with _telling_errors(), _opened(source, form) as users:
        try:
            outcome = importing.run(users, plan, watcher)
        finally:
            watcher.clear()
        _report(users, plan, outcome, watcher.faults if wants_json else None)
    if outcome.bad and not skip_bad:
        sys.exit(1)


@click.command("export")
@_format
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, readable by you alone.")
@with_appcontext
def export(form: str | None, output: Path | None) -> None:
    """Write all users, password hashes included, as `import` takes them; to standard output unless told otherwise."""
    with _telling_errors(), _writable(output) as file:
        for chunk in export_users(form or "csv"):
            file.write(chunk)


class _Watcher:
    """Shows how far an import is, on standard error; keeps the faults for JSON or prints them as they come."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._is_terminal = sys.stderr.isatty()
        self.faults: list[Fault] = []

    def found_bad(self, fault: Fault) -> None:
        if self._is_quiet:
            self.faults.append(fault)
        else:
            self.clear()
            click.echo(f"{fault.place}: {'; '.join(fault.reasons)}", err=True)

    def has_checked(self, count: int) -> None:
        self._tell(count, f"checked {count:,}")

    def has_written(self, count: int, total: int) -> None:
        self._tell(count, f"written {count:,} of {total:,}")

    def clear(self) -> None:
        """Take what was told last off the terminal."""
        if self._is_terminal:
            click.echo(_ERASE_LINE, err=True, nl=False)

    def _tell(self, count: int, text: str) -> None:
        """On a terminal every batch, each in the place of the one before; elsewhere every 10,000."""
        if self._is_terminal:
            click.echo(f"{_ERASE_LINE}{text}\r", err=True, nl=False)
        elif count % PROGRESS_EVERY == 0:
            click.echo(text, err=True)


@contextlib.contextmanager
def _telling_errors() -> Iterator[None]:
    """What may go wrong with a source, a file or a database is one line for the operator."""
    try:
        yield
    except SourceError as error:
        raise click.ClickException(str(error)) from error
    except SQLAlchemyError as error:
        # Its text may hold an address in a constraint's detail, so only its kind is told.
        raise click.ClickException(
            f"the database cannot do it ({type(getattr(error, 'orig', None) or error).__name__}); try: flask doctor"
        ) from error
    except BrokenPipeError:
        raise  # whoever reads has enough: click ends quietly
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'file'}: {error.strerror}") from error


@contextlib.contextmanager
def _opened(name: str, form: str | None) -> Iterator[Source]:
    if importing.is_database(name):
        yield importing.from_database(name)
    elif name == "-":
        yield importing.from_stream(sys.stdin.buffer, kind=form)
    else:
        by_suffix = "jsonl" if Path(name).suffix.lower() in {".jsonl", ".ndjson"} else None
        with Path(name).open("rb") as file:
            yield importing.from_stream(file, kind=form or by_suffix)


@contextlib.contextmanager
def _writable(output: Path | None) -> Iterator[BinaryIO]:
    """A new file takes the place of `output` when it is whole; a pipe or a device is written to as it is."""
    if output is None:
        yield sys.stdout.buffer
    elif output.exists() and not output.is_file():
        with output.open("wb") as file:
            yield file
    else:
        target = output.resolve()
        descriptor, draft = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600 from the start
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


def _report(users: Source, plan: Plan, outcome: Outcome, faults: list[Fault] | None) -> None:
    if faults is not None:
        click.echo(orjson.dumps(_as_json(users, plan, outcome, faults), option=orjson.OPT_INDENT_2).decode())
        return
    bad = f"{outcome.bad:,} of {outcome.read:,} users cannot be imported" if outcome.bad else ""
    if outcome.bad and not plan.skip_bad:
        click.echo(f"{bad}; nothing was imported. Mend them, or leave them out with --skip-bad.", err=True)
    elif plan.dry_run:
        click.echo(f"{outcome.good:,} users can be imported{f', {bad}' if bad else ''}. Nothing was written.")
    else:
        click.echo(f"Imported {outcome.imported:,} users{f'; left out {outcome.bad:,} bad ones' if bad else ''}.")
    if outcome.dearer:
        click.echo(
            f"Of the hashes {outcome.dearer:,} cost more than PASSWORD_SALT_ROUNDS={settings().password_salt_rounds}. "
            "Until their owners sign in, a wrong password takes longer for them than for people who do not exist, "
            f"which shows that they do. PASSWORD_SALT_ROUNDS={outcome.highest_cost} hides them.",
            err=True,
        )


def _as_json(users: Source, plan: Plan, outcome: Outcome, faults: list[Fault]) -> dict[str, Any]:
    return {
        "source": users.kind,
        "dryRun": plan.dry_run,
        "read": outcome.read,
        "good": outcome.good,
        "bad": outcome.bad,
        "imported": outcome.imported,
        "dearer": outcome.dearer,
        "faults": [{fault.place.unit: fault.place.value, "reasons": fault.reasons} for fault in faults],
    }
