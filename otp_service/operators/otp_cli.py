"""`flask otp`: look at codes on their way, and end what nobody came back for."""

import time
from dataclasses import asdict
from typing import Any
from uuid import UUID

import click
from flask.cli import AppGroup

from otp_service.core import phone
from otp_service.core.text import camel_case
from otp_service.operators.arguments import find_user
from otp_service.operators.output import as_json, print_json
from otp_service.verifications import records, sweeping
from otp_service.verifications.records import Record
from otp_service.verifications.states import State

otp_cli = AppGroup("otp", help="Look at one-time codes, and end what nobody came back for. No command shows a code.")


@otp_cli.command("list")
@click.option("--user", "who", metavar="WHO", help="Only of this user: an id, e-mail or number.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@as_json
def list_codes(who: str | None, state: str | None, limit: int, wants_json: bool) -> None:
    """List verifications: a verification is one code for one phone."""
    user_id = find_user(who).id if who is not None else None
    found = records.newest(user_id=user_id, state=State(state) if state else None, limit=limit)
    if wants_json:
        print_json([_shown(record) for record in found])
        return
    click.echo(f"{'ID':<36} {'USER':>6} {'STATE':<11} {'VIA':<9} {'TO':<17} {'TRIES':>5} CREATED")
    for record in found:
        to, created = phone.mask(record.phone_number), f"{record.created_at:%Y-%m-%d %H:%M:%S}"
        start = f"{record.id} {record.user_id:>6} {record.state:<11}"
        click.echo(f"{start} {record.channel:<9} {to:<17} {record.attempts:>5} {created}")


@otp_cli.command("show")
@click.argument("verification_id", metavar="ID", type=click.UUID)
@as_json
def show(verification_id: UUID, wants_json: bool) -> None:
    """Show one verification, and what was tried on it."""
    record = records.find(verification_id)
    if record is None:
        raise click.ClickException(f"No verification has the id {verification_id}. Try: flask otp list")
    tried = records.outcomes(verification_id)
    if wants_json:
        print_json({**_shown(record), "tried": tried})
        return
    for name, value in _shown(record).items():
        click.echo(f"{name:<16} {'-' if value is None else value}")
    click.echo(f"{'tried':<16} {', '.join(tried) or '-'}")


@otp_cli.command("sweep")
@click.option("--every", "seconds", type=click.IntRange(1, 86_400), help="Go on for ever, every so many seconds.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="How many of each kind."
)
@as_json
def sweep(seconds: int | None, limit: int, wants_json: bool) -> None:
    """Settle sends that died on the way, close codes that grew old, ask for prices that came late.

    Ends with code 1 when the provider could not be asked about some; they are left for the next sweep.
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


def _shown(record: Record) -> dict[str, Any]:
    """For people and programs; the number is masked, the provider's id stays sealed."""
    shown = {camel_case(name): value for name, value in asdict(record).items()}
    shown["phoneNumber"] = phone.mask(record.phone_number)
    shown["priceAmount"] = None if record.price_amount is None else str(record.price_amount)
    return shown
