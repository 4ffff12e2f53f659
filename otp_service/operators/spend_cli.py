"""`flask spend`: what codes cost today against the caps, and the ledger of any day."""

import csv
import sys
from dataclasses import fields
from datetime import date, datetime
from typing import Any

import click

from otp_service.backends import apps
from otp_service.core import clock
from otp_service.core.services import settings
from otp_service.core.text import camel_case
from otp_service.operators.output import CommandGroup, as_json, named, print_json, print_table
from otp_service.spending import reports
from otp_service.spending.reports import Line
from otp_service.spending.settings import SpendSettings

_HELP = """Show what codes cost: today against the caps, or any day of the ledger.

Days are those of UTC, amounts in SPEND_CURRENCY. A message counts from the moment before it is sent: at its expected
price, then at the one that the provider bills.
"""

spend_cli = CommandGroup("spend", help=_HELP, short_help="Show what codes cost, and the caps.")


@spend_cli.command("status")
@as_json
def status(wants_json: bool) -> None:
    """Show what is spent today, and how much of each cap that is."""
    today, spending = _today(), settings().of(SpendSettings)
    found, parts = _lines(today), reports.parts_of(today)
    if wants_json:
        facts = {"day": today, "endsAt": clock.end_of(today), "currency": spending.currency}
        reserved = {"reservedForSignInsPercent": spending.reserved_percent}
        print_json({**facts, **reserved, "hasCap": spending.has_cap, "lines": list(map(named, found)),
                    "withoutSignIns": list(map(named, parts))})  # fmt: skip
        return
    if not spending.has_cap:
        click.echo("There is no cap: set SPEND_PER_DAY.", err=True)
    print_table(
        ("WHAT", "MESSAGES", "SPENT", "CAP", "PERCENT", "REFUSED"),
        [(_name(one), one.messages, one.spent, one.cap, one.percent, one.refused) for one in found],
        if_empty="Nothing was sent today.",
    )
    for part in parts:
        name = f"{part.scope} {part.country or ''}".strip()
        click.echo(f"{name}: sign-ups, resets and apps used {part.spent} of {part.cap}; the rest is for sign-ins.")


@spend_cli.command("ledger")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="The day (UTC), as 2026-11-29; today if not given.")
@as_json
@click.option("--csv", "wants_csv", is_flag=True, help="Print CSV instead of a table.")
def ledger(day: datetime | None, wants_json: bool, wants_csv: bool) -> None:
    """Show what was reserved, given back and billed on a day: in total, for people and apps, and by country.

    "Open" is what is spent and not billed yet: providers name most prices minutes later, and some never.
    """
    if wants_json and wants_csv:
        raise click.UsageError("Say --json or --csv, not both.")
    found = _lines(day.date() if day else _today())
    if wants_csv:
        _print_csv(found)
    elif wants_json:
        print_json({"currency": settings().of(SpendSettings).currency, "lines": list(map(named, found))})
    else:
        print_table(
            ("WHAT", "MESSAGES", "RESERVED", "GIVEN BACK", "BILLED", "OPEN", "SPENT"),
            [
                (_name(one), one.messages, one.reserved, one.given_back, one.billed, one.open, one.spent)
                for one in found
            ],
            if_empty="Nothing was sent on this day.",
        )


def _today() -> date:
    return clock.day_of(clock.now())


def _lines(day: date) -> list[Line]:
    return reports.lines_of(day, app_caps={app.name: app.spend_per_day for app in apps.list_all()})


def _name(line: Line) -> str:
    return f"{line.scope} {line.country or line.app or ''}".strip()


def _print_csv(lines: list[Line]) -> None:
    names = [field.name for field in fields(Line)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(camel_case, names))
    writer.writerows([_cell(getattr(line, name)) for name in names] for line in lines)


def _cell(value: Any) -> Any:
    return "" if value is None else value
