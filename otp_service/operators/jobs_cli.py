"""`flask worker`: the process beside the service that sends e-mail and tidies up."""

import logging

import click
import orjson
from flask import current_app
from flask.cli import with_appcontext

from otp_service.core.commands import CommandGroup
from otp_service.core.logging import configure_logging
from otp_service.core.settings import settings
from otp_service.jobs import retention
from otp_service.jobs.periodic import JOBS

log = logging.getLogger(__name__)


@click.command("worker")
@with_appcontext
def worker_command() -> None:
    """Send e-mail, sweep codes: all that is done in the background. Ends in order on SIGTERM; run any number."""
    from otp_service.jobs import worker

    configure_logging(level=settings().log_level, form=settings().log_format)  # commands are quieter than servers
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    log.info("worker.starting", extra={"jobs": [job.name for job in JOBS]})
    worker.run(app)


retention_cli = CommandGroup("retention", help="Forget what nobody needs any more (the worker does so daily).")


@retention_cli.command("run")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON instead of text.")
def run_retention(wants_json: bool) -> None:
    """Delete old challenges, links, codes, sessions, devices, messages and counters, and what was never confirmed."""
    forgotten = retention.run()
    if wants_json:
        click.echo(orjson.dumps(forgotten, option=orjson.OPT_INDENT_2).decode())
        return
    for rule in retention.RULES:
        kept = f"kept for {rule.kept_for.days} days" if rule.kept_for else "kept until their own time is over"
        click.echo(f"{rule.name:<32} {forgotten[rule.name]:>8}   {kept}")
