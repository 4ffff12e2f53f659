"""`flask doctor`: examine an installation and say what to fix."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import with_appcontext

from otp_service.operators.output import as_json, print_json
from otp_service.ops.doctor import Finding, Health, examine

_COLORS = {Health.OK: "green", Health.WARNING: "yellow", Health.FAILED: "red"}


@click.command("doctor")
@as_json
@with_appcontext
def doctor(wants_json: bool) -> None:
    """Check settings, database, Redis, Sinch, clock, folders and speed. Exit code 1 if a check FAILED."""
    findings = []
    with _without_logs():
        for finding in examine():
            findings.append(finding)
            if not wants_json:
                _print(finding)
    is_healthy = all(finding.health is not Health.FAILED for finding in findings)
    if wants_json:
        print_json({"healthy": is_healthy, "findings": findings})
    if not is_healthy:
        sys.exit(1)


def _print(finding: Finding) -> None:
    health = click.style(f"{finding.health:<8}", fg=_COLORS[finding.health])
    click.echo(f"{health} {finding.name:<16} {finding.detail}")
    if finding.remedy:
        click.echo(f"{'':<25} -> {finding.remedy}")


@contextmanager
def _without_logs() -> Iterator[None]:
    """Silence the logs: the findings report the same."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
