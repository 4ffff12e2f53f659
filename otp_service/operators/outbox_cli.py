"""`flask outbox`: look at e-mails on their way, and try again what was given up."""

from dataclasses import asdict
from uuid import UUID

import click
import orjson
from flask.cli import AppGroup

from otp_service.core import text
from otp_service.core.web.schema import camel_case
from otp_service.outbox import records
from otp_service.outbox.states import State

outbox_cli = AppGroup("outbox", help="Look at e-mails on their way. No command shows an address or a link.")


@outbox_cli.command("list")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON instead of text.")
def list_messages(state: str | None, limit: int, wants_json: bool) -> None:
    """List messages: those pending, sent and dead (given up; see `flask outbox retry`)."""
    found = records.newest(state=State(state) if state else None, limit=limit)
    if wants_json:
        shown = [{camel_case(name): value for name, value in asdict(record).items()} for record in found]
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())
        return
    click.echo(f"{'ID':<36} {'TEMPLATE':<20} {'USER':>6} {'STATE':<7} {'TRIES':>5} {'CREATED':<19} LAST ERROR")
    for record in found:
        start = f"{record.id} {record.template:<20} {record.user_id or '-':>6} {record.state:<7} {record.attempts:>5}"
        click.echo(f"{start} {record.created_at:%Y-%m-%d %H:%M:%S} {text.shown(record.last_error or '-')}")


@outbox_cli.command("retry")
@click.argument("message_id", metavar="[ID]", type=click.UUID, required=False)
@click.option("--dead", "wants_all", is_flag=True, help="All that were given up.")
def retry(message_id: UUID | None, wants_all: bool) -> None:
    """Try a message anew that was given up, by its ID, or all of them."""
    if (message_id is None) is not wants_all:
        raise click.UsageError("Name one ID, or say --dead.")
    if message_id is None:
        click.echo(f"{records.retry_dead()} to be tried again.")
        return
    if not records.retry(message_id):
        raise click.ClickException(f"No message that was given up has the id {message_id}.")
    click.echo("1 to be tried again.")
