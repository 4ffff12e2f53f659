"""`flask outbox`: list e-mails on their way, and retry those that were given up."""

from uuid import UUID

import click

from otp_service.operators.output import CommandGroup, as_json, at_most, print_json, print_table
from otp_service.outbox import State, records

outbox_cli = CommandGroup("outbox", help="List e-mails on their way. No command shows an address or a link.")


@outbox_cli.command("list")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only in this state.")
@at_most
@as_json
def list_messages(state: str | None, limit: int, wants_json: bool) -> None:
    """List messages, newest first: pending, sent, or dead (given up; see `flask outbox retry`)."""
    found = records.newest(state=State(state) if state else None, limit=limit)
    if wants_json:
        print_json(found)
        return
    print_table(
        ("ID", "TEMPLATE", "USER", "STATE", "TRIES", "CREATED (UTC)", "LAST ERROR"),
        [(one.id, one.template, one.user_id, one.state, one.attempts, one.created_at, one.last_error) for one in found],
        if_empty="No messages.",
    )


@outbox_cli.command("retry")
@click.argument("message_id", metavar="[ID]", type=click.UUID, required=False)
@click.option("--dead", "is_for_all", is_flag=True, help="All that were given up.")
def retry(message_id: UUID | None, is_for_all: bool) -> None:
    """Retry the message with this ID that was given up, or all of them."""
    if (message_id is None) is not is_for_all:
        raise click.UsageError("Name one ID, or say --dead.")
    if message_id is None:
        count = records.retry_dead()
        click.echo(f"{count} message{'' if count == 1 else 's'} will be sent again.")
        return
    if not records.retry(message_id):
        raise click.ClickException(f"No message that was given up has the id {message_id}.")
    click.echo("1 message will be sent again.")
