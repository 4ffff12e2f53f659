"""`flask otp`: shows codes on their way, and ends the ones that no request came back for."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import click

from otp_service.core import phone
from otp_service.core.text import camel_case
from otp_service.operators.arguments import find_user
from otp_service.operators.output import CommandGroup, as_json, print_json, print_table
from otp_service.verifications import find_user_id, overview, owner_of_user, sweeping
from otp_service.verifications.overview import Record
from otp_service.verifications.states import State

otp_cli = CommandGroup(
    "otp",
    help="Show one-time codes on their way, and end the ones that no request came back for. No command shows a code.",
)


@otp_cli.command("list")
@click.option("--user", "who", metavar="WHO", help="Only of this user: an id, e-mail or number.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@as_json
def list_codes(who: str | None, state: str | None, limit: int, wants_json: bool) -> None:
    """List verifications: a verification is one code for one phone."""
    owner = owner_of_user(find_user(who).id) if who is not None else None
    found = overview.list_records(owner=owner, state=State(state) if state else None, limit=limit)
    if wants_json:
        print_json([shown_code(record) for record in found])
        return
    print_codes(found)


def print_codes(found: Sequence[Record]) -> None:
    """Print a table of verifications, each with the reason why its message did not arrive."""
    print_table(
        ("ID", "USER", "STATE", "VIA", "BY", "TO", "TRIES", "CREATED (UTC)", "FAILURE"),
        [
            (
                one.id,
                find_user_id(one.owner) or one.owner,
                one.state,
                one.channel,
                one.provider,
                phone.mask(one.phone_number),
                one.attempts,
                one.created_at,
                one.failure,
            )
            for one in found
        ],
        if_empty="No codes.",
    )


@otp_cli.command("show")
@click.argument("verification_id", metavar="ID", type=click.UUID)
@as_json
def show(verification_id: UUID, wants_json: bool) -> None:
    """Show one verification, and the outcome of each code that was tried."""
    record = overview.find_record(verification_id)
    if record is None:
        raise click.ClickException(f"No verification has the id {verification_id}. Try: flask otp list")
    tried = overview.list_outcomes(verification_id)
    if wants_json:
        print_json({**shown_code(record), "tried": tried})
        return
    for name, value in shown_code(record).items():
        click.echo(f"{name:<16} {'-' if value is None else value}")
    click.echo(f"{'tried':<16} {', '.join(tried) or '-'}")


@otp_cli.command("sweep")
@click.option("--every", "seconds", type=click.IntRange(1, 86_400), help="Repeat every so many seconds until stopped.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="How many of each kind."
)
@as_json
def sweep(seconds: int | None, limit: int, wants_json: bool) -> None:
    """Settle sends that a crash interrupted, close codes past their time, ask for prices that came late.

    The exit code is 1 when the provider could not be asked about some; the next sweep tries these again.
    """
    while True:
        swept = sweeping.sweep(limit=limit)
        if wants_json:
            print_json(asdict(swept))
        else:
            counts = f"{swept.settled} settled, {swept.closed} closed, {swept.priced} priced"
            click.echo(f"{counts}, {len(swept.failed)} left for the next sweep")
            for line in swept.failed:
                click.echo(f"  {line}", err=True)
        if seconds is None:
            break
        time.sleep(seconds)
    if swept.failed:
        raise click.exceptions.Exit(1)


def shown_code(record: Record) -> dict[str, Any]:
    """Return what people and programs see: the number masked, and no id of the provider."""
    values = {"id": record.id, "user_id": find_user_id(record.owner), **asdict(record)}
    del values["owner"]
    shown = {camel_case(name): value for name, value in values.items()}
    shown["phoneNumber"] = phone.mask(record.phone_number)
    shown["priceAmount"] = None if record.price_amount is None else str(record.price_amount)
    return shown
