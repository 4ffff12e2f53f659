"""`flask keys`: manage the key pairs that sign access tokens, and rotate the encryption key."""

from datetime import datetime, timedelta

import click

from otp_service import audit
from otp_service.core import clock
from otp_service.core.database import sealed_columns
from otp_service.core.database.sealed_columns import SealedColumn, all_sealed
from otp_service.core.services import settings
from otp_service.operators.output import CommandGroup, as_json, print_json, print_table
from otp_service.sessions.key_folder import KeyFault, KeyFolder, KeyState
from otp_service.sessions.signing_keys import SHARED

CACHED_FOR = timedelta(minutes=5)
"""How long services may keep the key set (its Cache-Control)."""

PROGRESS_EVERY = 25
"""Batches between two lines of progress."""

_HELP = "Manage the keys that sign access tokens (JWT_ALGORITHM other than HS256) and those that encrypt."
_UNREADABLE = """{} of these values cannot be decrypted with any key in ENCRYPTION_KEY, and were left as they are.
Add the key that encrypted them, if you have it, and run this again."""

keys_cli = CommandGroup("keys", help=_HELP, expected=(KeyFault,))


@keys_cli.command("generate")
def generate() -> None:
    """Generate a key. The first one signs at once; later ones are published, and sign after `flask keys rotate`."""
    entry = _folder().generate(now=clock.now())
    click.echo(f"Made {entry.kid} ({entry.algorithm}, {entry.state}).")
    if entry.state == KeyState.NEXT:
        click.echo("Wait until every service has read the key set again (5 minutes). Then: flask keys rotate")


@keys_cli.command("list")
@as_json
def list_keys(wants_json: bool) -> None:
    """List the keys, oldest first."""
    entries = _folder().entries()
    if wants_json:
        print_json(entries)
        return
    print_table(
        ("KEY ID", "ALG", "STATE", "MADE (UTC)", "ACCEPTED UNTIL (UTC)"),
        [(one.kid, one.algorithm, one.state, _time(one.created_at), _time(one.accepted_until)) for one in entries],
        if_empty="No keys yet. Make one with: flask keys generate",
    )


@keys_cli.command("rotate")
def rotate() -> None:
    """Let the next key sign. The previous one stays accepted until the tokens that it signed have expired."""
    folder = _folder()
    waiting = [entry for entry in folder.entries() if entry.state == KeyState.NEXT]
    if not waiting:
        click.echo("No next key was published: services that cache the key set will not know the new key.", err=True)
    elif any(clock.now() - datetime.fromisoformat(entry.created_at) < CACHED_FOR for entry in waiting):
        click.echo(
            "The next key was published less than 5 minutes ago: services that cache the key set may not know it yet.",
            err=True,
        )
    entry = folder.rotate(now=clock.now(), token_ttl_seconds=settings().tokens.ttl_seconds)
    click.echo(f"{entry.kid} signs from now on. No restart is needed.")


@keys_cli.command("retire", context_settings={"ignore_unknown_options": True})  # one id in 64 begins with a dash
@click.argument("kid", required=False)
def retire(kid: str | None) -> None:
    """Delete the key KID at once, valid tokens or not; without KID, all keys that no valid token needs."""
    now = clock.now()
    retired = _folder().retire(lambda one: one.kid == kid if kid else not one.is_accepted(now))
    if kid and not retired:
        raise click.ClickException(f"There is no key {kid}. Try: flask keys list")
    click.echo("\n".join(f"Deleted {entry.kid}." for entry in retired) or "Nothing to delete.")


@keys_cli.command("rotate-encryption")
def rotate_encryption() -> None:
    """Re-encrypt all stored values under the first key of ENCRYPTION_KEY.

    Run it after every process has the new key first and the old one behind it (ENCRYPTION_KEY=new,old). The service may
    keep running. You can stop the command at any time and run it again. Exit code 1 if a value could not be decrypted.
    """
    audit.keep_signers()  # before an older key is removed: rows of the trail stay verifiable
    unreadable = sum(_reencrypt(column) for column in all_sealed())
    if unreadable:
        raise click.ClickException(_UNREADABLE.format(unreadable))
    click.echo("No stored value needs an older key. Before you remove one, see docs/operations.md.")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _folder() -> KeyFolder:
    if settings().tokens.algorithm == SHARED:
        raise click.ClickException("HS256 signs with JWT_SECRET. Set JWT_ALGORITHM to ES256, EdDSA or RS256 first.")
    return KeyFolder(settings().tokens.keys_dir, settings().tokens.algorithm)


def _reencrypt(column: SealedColumn) -> int:
    """Re-encrypt a column, with progress on standard error. Returns how many values could not be decrypted."""
    total = sealed_columns.count_outdated(column)
    seen = resealed = unreadable = 0
    for number, batch in enumerate(sealed_columns.reseal(column), start=1):
        seen, resealed, unreadable = seen + batch.seen, resealed + batch.resealed, unreadable + batch.unreadable
        if number % PROGRESS_EVERY == 0:
            click.echo(f"{column.place}: {seen} of {total}", err=True)
    click.echo(f"{column.place:<32} {resealed:>8} re-encrypted")
    return unreadable
