"""`flask sessions`: look at who is signed in, and end it."""

from dataclasses import asdict

import click
from flask.cli import AppGroup

from otp_service import sessions
from otp_service.audit import COMMAND_LINE
from otp_service.core.web.schema import camel_case
from otp_service.operators.users_cli import as_json, find_user, print_json

sessions_cli = AppGroup("sessions", help="Look at live sessions, and end them. WHO is a user's id, e-mail or number.")


@sessions_cli.command("list")
@click.option("--user", "who", metavar="WHO", help="Only this user's.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many of all users'.")
@as_json
def list_sessions(who: str | None, limit: int, wants_json: bool) -> None:
    """List live sessions, those refreshed last first."""
    held = sessions.newest(limit=limit) if who is None else sessions.of_user(find_user(who).id)
    if wants_json:
        print_json([{camel_case(name): value for name, value in asdict(one).items()} for one in held])
        return
    click.echo(f"{'ID':<36}  {'USER':>6}  {'ACR':<4}  {'STARTED (UTC)':<19}  {'LAST USED (UTC)':<19}  ADDRESS")
    for one in held:
        times = f"{one.created_at:%Y-%m-%d %H:%M:%S}  {one.last_used_at:%Y-%m-%d %H:%M:%S}"
        click.echo(f"{one.id!s:<36}  {one.user_id:>6}  {one.acr:<4}  {times}  {one.ip}")
    if not held:
        click.echo("No live sessions.")


@sessions_cli.command("revoke")
@click.option("--user", "who", metavar="WHO", help="All sessions of this user.")
@click.option("--all", "everybodys", is_flag=True, help="All sessions of all users.")
@click.option("--yes", is_flag=True, help="Do not ask before --all.")
def revoke(who: str | None, everybodys: bool, yes: bool) -> None:
    """End sessions: their tokens are refused here at once, and elsewhere within the life of an access token."""
    if (who is None) != everybodys:
        raise click.UsageError("Say either --user WHO or --all.")
    if who is not None:
        ended = sessions.log_out_everywhere(find_user(who).id, client=COMMAND_LINE)
    else:
        if not yes:
            click.confirm("Sign everybody out?", abort=True)
        ended = sessions.end_everybodys(client=COMMAND_LINE)
    click.echo(f"Ended {ended} session{'' if ended == 1 else 's'}.")
