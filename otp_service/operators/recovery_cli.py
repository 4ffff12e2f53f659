"""`flask users set-password-link`, `unlock`, `reset-mfa`, `set-phone`: let somebody in again; and `delete`."""

import click
from flask.cli import with_appcontext

from otp_service.auth import password_setting
from otp_service.core.settings import settings
from otp_service.operators import mfa_reset, phone_setting, unlocking
from otp_service.operators.users_cli import as_json, find_user, print_json, print_one, read_number
from otp_service.selfservice import erasing


@click.command("set-password-link")
@with_appcontext
@click.argument("who")
@as_json
def set_password_link(who: str, wants_json: bool) -> None:
    """Print a link with which the user sets a password, once, within 24 hours. Hand it over by a safe way.

    The link leads to /set-password at the first FRONTEND_URL; that page posts the token behind the # and the new
    password to /api/v1/auth/set-password.
    """
    account = find_user(who)
    token = password_setting.issue_link(account.id)
    origins = settings().frontend_origins
    link = f"{origins[0]}/set-password#token={token}" if origins else None
    if wants_json:
        print_json({"userId": account.id, "token": token, "link": link})
    elif link is not None:
        click.echo(link)
    else:
        click.echo(f"token: {token}")
        click.echo('POST it with the new password to /api/v1/auth/set-password: {"token": "...", "newPassword": "..."}')


@click.command("unlock", short_help="Let the user sign in again.")
@with_appcontext
@click.argument("who")
@as_json
def unlock(who: str, wants_json: bool) -> None:
    """Let WHO (an id, e-mail address or phone number) sign in again.

    Undoes `lock`, ends the wait after wrong passwords, and enables factors that wrong codes had disabled.
    """
    print_one(unlocking.unlock(find_user(who).id), wants_json)


@click.command("reset-mfa", short_help="Remove all second factors but the phone.")
@with_appcontext
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def reset_mfa(who: str, yes: bool, wants_json: bool) -> None:
    """Remove the authenticator app, passkeys and backup codes of WHO, and end all sessions; the person is told.

    For somebody who lost them all. Make sure by another way that it is that person who asks.
    """
    account = find_user(who)
    if not yes:
        click.confirm(f"Remove all second factors of {account.email}?", abort=True)
    removed = mfa_reset.reset(account.id)
    if wants_json:
        print_json({"userId": account.id, "removed": removed})
    else:
        click.echo(
            f"Removed from user {account.id}: " + (", ".join(f"{n} {k}" for k, n in removed.items() if n) or "nothing")
        )


@click.command("set-phone")
@with_appcontext
@click.argument("who")
@click.argument("phone_number", metavar="NUMBER")
@click.option("--verified", is_flag=True, help="Take the number as proven, on your word; no code is sent.")
@as_json
def set_phone(who: str, phone_number: str, verified: bool, wants_json: bool) -> None:
    """Give WHO (an id, e-mail address or phone number) another NUMBER (with its country code).

    The user is told by e-mail. Codes and sign-ins on their way end; sessions stay. A number that another user has is
    refused: a proof would take it, an operator's word does not.
    """
    account = find_user(who)
    print_one(phone_setting.set_by_operator(account.id, read_number(phone_number), is_verified=verified), wants_json)


@click.command("delete", short_help="Delete the user for good.")
@with_appcontext
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask first.")
def delete(who: str, yes: bool) -> None:
    """Delete WHO (an id, e-mail address or phone number) and all that is theirs, for good.

    What stays are the audit events, without anything that tells of the person. The person is told by e-mail.
    Asks first; without a terminal say --yes.
    """
    account = find_user(who)
    if not yes:
        click.confirm(f"Delete user {account.id} ({account.email}) for good?", abort=True)
    erasing.erase_by_operator(account)
    click.echo(f"Deleted user {account.id}.")
