"""`flask worker` and `flask retention`: the background jobs."""

import logging

import click
from flask import current_app
from flask.cli import with_appcontext

from otp_service.core.database.rows import RetentionRule
from otp_service.core.logging import configure_logging
from otp_service.core.services import settings
from otp_service.jobs import JOBS, retention, worker
from otp_service.operators.output import CommandGroup, as_json, print_json, print_table
from otp_service.ops import startup

log = logging.getLogger(__name__)


@click.command("worker")
@with_appcontext
def worker_command() -> None:
    """Run the background jobs: send e-mail, sweep codes, delete old rows. SIGTERM stops it in order. Run any number."""
    configure_logging(
        level=settings().server.log_level, form=settings().server.log_format
    )  # other commands log warnings only
    startup.require_right_key()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    log.info("worker.starting", extra={"jobs": [job.name for job in JOBS]})
    worker.run(app)


retention_cli = CommandGroup("retention", help="Delete old rows (the worker does so daily).")


@retention_cli.command("run")
@as_json
def run_retention(wants_json: bool) -> None:
    """Delete every row whose retention period is over, and unverified registrations."""
    forgotten = retention.run()
    if wants_json:
        print_json(forgotten)
        return
    print_table(
        ("ROWS", "DELETED", "RETENTION"),
        [(rule.name, forgotten[rule.name], _period(rule)) for rule in retention.rules()],
    )


def _period(rule: RetentionRule) -> str:
    if not rule.kept_for:
        return "kept until they expire"
    return f"kept for {rule.kept_for.days} day{'' if rule.kept_for.days == 1 else 's'}"
