"""`flask users import` and `flask users export`: move users in and out."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from otp_service.accounts import importing
from otp_service.accounts.exporting import export_users
from otp_service.accounts.importing import Fault, Outcome, Plan, Source, SourceError
from otp_service.core.services import settings
from otp_service.operators.output import as_json, print_json

PROGRESS_EVERY = 10_000
_ERASE_LINE = "\x1b[2K"
_format = click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), help="CSV or JSON lines.")


@click.command("import")
@click.argument("source")
@_format
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")
@click.option("--skip-bad", is_flag=True, help="Import the valid users and list the others. Default: all or none.")
@as_json
@with_appcontext
def import_command(source: str, form: str | None, dry_run: bool, skip_bad: bool, wants_json: bool) -> None:
    """Import users from SOURCE, password hashes included.

    SOURCE is a CSV or JSON-lines file (- for standard input), or postgresql://... for the database of the first
    version of this system. See docs/moving-in.md.
    """
    plan = Plan(dry_run=dry_run, skip_bad=skip_bad)
    progress = _Progress(is_quiet=wants_json)
    with _one_line_errors(), _opened(source, form) as users:
        try:
            outcome = importing.run(users, plan, progress)
        finally:
            progress.clear()
        if wants_json:
            print_json(_as_json(users, plan, outcome, progress.faults))
        else:
            _report(plan, outcome)
    if outcome.bad and not skip_bad:
        sys.exit(1)


@click.command("export")
@_format
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A new file, readable only by you.")
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@with_appcontext
def export_command(form: str | None, output: Path | None, overwrite: bool) -> None:
    """Write all users, password hashes included, in the format of `import`: to standard output, or to --output."""
    if output is not None and output.is_file() and not overwrite:
        raise click.ClickException(f"{output} exists. Name another file, or add --overwrite.")
    with _one_line_errors(), _writable(output) as file:
        for chunk in export_users(form or "csv"):
            file.write(chunk)


class _Progress:
    """Shows the progress on standard error. Faults are printed as they come, or kept for the JSON report."""

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

    def has_validated(self, count: int) -> None:
        self._show(count, f"checked {count:,}")

    def has_written(self, count: int, total: int) -> None:
        self._show(count, f"written {count:,} of {total:,}")

    def clear(self) -> None:
        """Erase the progress from a terminal."""
        if self._is_terminal:
            click.echo(_ERASE_LINE, err=True, nl=False)

    def _show(self, count: int, text: str) -> None:
        """On a terminal each batch replaces the line before; elsewhere there is a line for every 10,000 users."""
        if self._is_terminal:
            click.echo(f"{_ERASE_LINE}{text}\r", err=True, nl=False)
        elif count % PROGRESS_EVERY == 0:
            click.echo(text, err=True)


@contextlib.contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn what may go wrong with a source, a file or a database into one line."""
    try:
        yield
    except SourceError as error:
        raise click.ClickException(str(error)) from error
    except SQLAlchemyError as error:
        # The text may hold an address, in the detail of a violated constraint. So only its type is shown.
        kind = type(getattr(error, "orig", None) or error).__name__
        raise click.ClickException(f"the database rejected the operation ({kind}); try: flask doctor") from error
    except BrokenPipeError:
        raise  # the reader closed the pipe, as `head` does: click exits silently
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
    """Open the output. A regular file appears only when it is complete; pipes and devices are written directly."""
    if output is None:
        yield sys.stdout.buffer
    elif output.exists() and not output.is_file():
        with output.open("wb") as file:
            yield file
    else:
        target = output.resolve()
        # In the same folder, so that the rename is atomic. mkstemp sets mode 0600 before the first hash is written.
        descriptor, draft = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


def _report(plan: Plan, outcome: Outcome) -> None:
    bad = f"{outcome.bad:,} of {_users(outcome.read)} cannot be imported" if outcome.bad else ""
    if outcome.bad and not plan.skip_bad:
        click.echo(f"{bad}; nothing was imported. Fix them, or leave them out with --skip-bad.", err=True)
    elif plan.dry_run:
        click.echo(f"{_users(outcome.good)} can be imported{f', {bad}' if bad else ''}. Nothing was written.")
    else:
        left_out = f"; left out {outcome.bad:,} that cannot be imported" if bad else ""
        click.echo(f"Imported {_users(outcome.imported)}{left_out}.")
    if outcome.costlier:
        rounds = settings().passwords.salt_rounds
        click.echo(
            f"{outcome.costlier:,} of the hashes cost more than PASSWORD_SALT_ROUNDS={rounds}. "
            "Until their owners sign in, a wrong password takes longer for them than for an unknown address, "
            f"which reveals that they exist. PASSWORD_SALT_ROUNDS={outcome.highest_cost} hides them.",
            err=True,
        )


def _users(count: int) -> str:
    return f"{count:,} user{'' if count == 1 else 's'}"


def _as_json(users: Source, plan: Plan, outcome: Outcome, faults: list[Fault]) -> dict[str, Any]:
    return {
        "source": users.kind,
        "dryRun": plan.dry_run,
        "read": outcome.read,
        "good": outcome.good,
        "bad": outcome.bad,
        "imported": outcome.imported,
        "dearer": outcome.costlier,
        "faults": [{fault.place.unit: fault.place.value, "reasons": fault.reasons} for fault in faults],
    }
