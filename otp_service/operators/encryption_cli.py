"""`flask keys rotate-encryption`: let the newest ENCRYPTION_KEY seal what is stored."""

import click
from flask.cli import with_appcontext

from otp_service.core.database import resealing
from otp_service.core.database.sealed_columns import SealedColumn, all_sealed

TELL_EVERY = 25
"""Batches between two lines that tell how far it is."""

_LEFT = """{} of these values open with none of the keys in ENCRYPTION_KEY, and were left as they are.
Add the key that sealed them, if you have it, and run this again."""


@click.command("rotate-encryption")
@with_appcontext
def rotate_encryption() -> None:
    """Encrypt what is stored anew, under the first key of ENCRYPTION_KEY.

    Run it once every process has the new key in front and the old one behind it (ENCRYPTION_KEY=new,old). It may run
    beside the service, be stopped at any time, and run again. Exit code 1 when values were left.
    """
    unreadable = sum(_reseal(place) for place in all_sealed())
    if unreadable:
        raise click.ClickException(_LEFT.format(unreadable))
    click.echo("Nothing stored needs an older key to be read. Before you drop one, see docs/operations.md.")


def _reseal(place: SealedColumn) -> int:
    """How many values could not be read."""
    total = resealing.count(place)
    seen = resealed = unreadable = 0
    for number, batch in enumerate(resealing.reseal(place), start=1):
        seen, resealed, unreadable = seen + batch.seen, resealed + batch.resealed, unreadable + batch.unreadable
        if number % TELL_EVERY == 0:
            click.echo(f"{place.place}: {seen} of {total}", err=True)
    click.echo(f"{place.place:<32} {resealed:>8} encrypted anew")
    return unreadable
