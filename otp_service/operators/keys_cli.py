"""`flask keys`: make and exchange the key pairs that sign access tokens."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

import click
import orjson

from otp_service.core import clock
from otp_service.core.commands import CommandGroup
from otp_service.core.settings import settings
from otp_service.core.web.schema import camel_case
from otp_service.sessions.key_folder import KeyFault, KeyFolder, KeyState
from otp_service.sessions.signing_keys import SHARED

Result = TypeVar("Result")
_HELP = "Make and exchange the keys that sign access tokens (JWT_ALGORITHM other than HS256), and those that encrypt."
keys_cli = CommandGroup("keys", help=_HELP)


@keys_cli.command("generate")
def generate() -> None:
    """Make a key: the one that signs when there is none, else the next one, published but not yet signing."""
    entry = _do(lambda: _folder().generate(now=clock.now()))
    click.echo(f"Made {entry.kid} ({entry.algorithm}, {entry.state}).")
    if entry.state == KeyState.NEXT:
        click.echo("Once every service has read the key set again (5 minutes), let it sign: flask keys rotate")


@keys_cli.command("list")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON instead of text.")
def list_keys(wants_json: bool) -> None:
    """List the keys, in the order in which they were made."""
    entries = _do(lambda: _folder().entries())
    if wants_json:
        shown = [{camel_case(name): value for name, value in asdict(entry).items()} for entry in entries]
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
        return
    click.echo(f"{'KEY ID':<43}  {'ALG':<5}  {'STATE':<7}  {'MADE':<19}  ACCEPTED UNTIL")
    for entry in entries:
        until = (entry.accepted_until or "-")[:19]
        click.echo(f"{entry.kid:<43}  {entry.algorithm:<5}  {entry.state:<7}  {entry.created_at[:19]}  {until}")
    if not entries:
        click.echo("No keys yet. Make one with: flask keys generate")


@keys_cli.command("rotate")
def rotate() -> None:
    """Let the next key sign. The one before is accepted until the tokens that it signed have expired."""
    folder = _folder()
    if not [entry for entry in _do(folder.entries) if entry.state == KeyState.NEXT]:
        click.echo("No key was waiting: services that have read the key set lately meet an unknown one.", err=True)
    entry = _do(lambda: folder.rotate(now=clock.now(), token_ttl_seconds=settings().jwt_ttl_seconds))
    click.echo(f"{entry.kid} signs from now on. No restart is needed.")


@keys_cli.command("retire", context_settings={"ignore_unknown_options": True})  # one id in 64 begins with a dash
@click.argument("kid", required=False)
def retire(kid: str | None) -> None:
    """Delete the key KID at once, whatever it signed; without KID all that no token needs any more."""
    now = clock.now()
    gone = _do(lambda: _folder().retire(lambda one: one.kid == kid if kid else not one.is_accepted(now)))
    if kid and not gone:
        raise click.ClickException(f"There is no key {kid}. Try: flask keys list")
    click.echo("\n".join(f"Deleted {entry.kid}." for entry in gone) or "Nothing to delete.")


def _folder() -> KeyFolder:
    if settings().jwt_algorithm == SHARED:
        raise click.ClickException("HS256 signs with JWT_SECRET. Set JWT_ALGORITHM to ES256, EdDSA or RS256 first.")
    return KeyFolder(settings().jwt_keys_dir, settings().jwt_algorithm)


def _do(act: Callable[[], Result]) -> Result:
    """What `act` returns; a fault of the keys becomes a line for the operator."""
    try:
        return act()
    except KeyFault as error:
        raise click.ClickException(str(error)) from error
