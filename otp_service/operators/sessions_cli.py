"""`flask sessions`: list live sessions and end them."""

import click

from otp_service import sessions
from otp_service.audit import COMMAND_LINE
from otp_service.auth import sign_out
from otp_service.operators.arguments import confirm, find_user
from otp_service.operators.output import CommandGroup, as_json, at_most, print_json, print_table

_HELP = "List live sessions and end them. WHO is a user's id, e-mail address or phone number."
sessions_cli = CommandGroup("sessions", help=_HELP)


@sessions_cli.command("list")
@click.option("--user", "who", metavar="WHO", help="Only the sessions of this user, all of them.")
@at_most
@as_json
def list_sessions(who: str | None, limit: int, wants_json: bool) -> None:
    """List live sessions, last used first."""
    held = sessions.newest(limit=limit) if who is None else sessions.of_user(find_user(who).id)
    if wants_json:
        print_json(held)
        return
    print_table(
        ("ID", "USER", "ACR", "STARTED (UTC)", "LAST USED (UTC)", "IP ADDRESS"),
        [(one.id, one.user_id, one.acr, one.created_at, one.last_used_at, one.ip) for one in held],
        if_empty="No live sessions.",
    )


@sessions_cli.command("revoke")
@click.option("--user", "who", metavar="WHO", help="All sessions of this user.")
@click.option("--all", "is_for_all", is_flag=True, help="All sessions of all users.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation of --all.")
def revoke(who: str | None, is_for_all: bool, yes: bool) -> None:
    """End sessions and the trust in devices, and void challenges, codes and links on their way.

    This service rejects their tokens at once. Other services accept an access token until it expires.
    """
    if (who is None) != is_for_all:
        raise click.UsageError("Say either --user WHO or --all.")
    if who is not None:
        ended = sign_out.everywhere(find_user(who).id, client=COMMAND_LINE)
    else:
        if not yes:
            confirm("Sign all users out?")
        ended = sign_out.everyone(client=COMMAND_LINE)
    click.echo(f"Ended {ended} session{'' if ended == 1 else 's'}.")
