"""`flask doctor`: is this installation fit to serve, and if not, what is to be done."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click
import orjson
from flask.cli import with_appcontext

from otp_service.ops.doctor import examine
from otp_service.ops.findings import Finding, Health

_COLOURS = {Health.OK: "green", Health.WARNING: "yellow", Health.FAILED: "red"}


@click.command("doctor")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON instead of text.")
@with_appcontext
def doctor(wants_json: bool) -> None:
    """Look at settings, database, Redis, Sinch, clock, folders and speed; exit code 1 when something FAILED."""
    findings = []
    with _without_logs():
        for finding in examine():
            findings.append(finding)
            if not wants_json:
                _print(finding)
    is_fit = all(finding.health is not Health.FAILED for finding in findings)
    if wants_json:
        report = {"healthy": is_fit, "findings": [asdict(finding) for finding in findings]}
        click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    if not is_fit:
        sys.exit(1)


def _print(finding: Finding) -> None:
    health = click.style(f"{finding.health:<8}", fg=_COLOURS[finding.health])
    click.echo(f"{health} {finding.name:<16} {finding.detail}")
    if finding.remedy:
        click.echo(f"{'':<25} -> {finding.remedy}")


@contextmanager
def _without_logs() -> Iterator[None]:
    """The findings say it all."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
