"""`flask users lock`, `unlock`, `set-password-link`, `reset-mfa`: decide whether a user can sign in."""

import click
from flask.cli import with_appcontext

from otp_service.accounts import links, users
from otp_service.auth import password_links
from otp_service.operators.arguments import confirm, find_user
from otp_service.operators.output import as_json, print_json
from otp_service.operators.users_cli import print_account
from otp_service.selfservice import interventions


@click.command("lock", short_help="Lock the user out at once.")
@with_appcontext
@click.argument("who")
@as_json
def lock(who: str, wants_json: bool) -> None:
    """Lock WHO (an id, e-mail address or phone number) out at once.

    All sessions end, and no sign-in succeeds until `flask users unlock`.
    """
    print_account(users.lock(find_user(who).id), wants_json)


@click.command("unlock", short_help="Let the user sign in again.")
@with_appcontext
@click.argument("who")
@as_json
def unlock(who: str, wants_json: bool) -> None:
    """Let WHO (an id, e-mail address or phone number) sign in again.

    Undoes `lock` and a freeze, ends the wait after wrong passwords and the hold after a reset by phone, and enables
    factors that wrong codes had disabled.
    """
    print_account(interventions.unlock(find_user(who).id), wants_json)


@click.command("set-password-link", short_help="Print a link for setting a new password.")
@with_appcontext
@click.argument("who")
@as_json
def set_password_link(who: str, wants_json: bool) -> None:
    """Print a link with which the user sets a password. It works once, within 24 hours. Hand it over securely.

    The link leads to /set-password at the first FRONTEND_URL, or else at PUBLIC_URL, where this service has the page.
    That page posts the token behind the # and the new password to /api/v1/auth/set-password.
    """
    account = find_user(who)
    token = password_links.issue(account.id)
    link = links.web_address(password_links.PAGE, token)
    if wants_json:
        print_json({"userId": account.id, "token": token, "link": link})
    elif link is not None:
        click.echo(link)
    else:
        click.echo(f"token: {token}")
        click.echo('POST it with the new password to /api/v1/auth/set-password: {"token": "...", "newPassword": "..."}')


@click.command("reset-mfa", short_help="Remove all second factors except the phone.")
@with_appcontext
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@as_json
def reset_mfa(who: str, yes: bool, wants_json: bool) -> None:
    """Remove the authenticator app, passkeys and backup codes of WHO, end all sessions, and notify the user by e-mail.

    For users who lost all of them. First make sure, through another channel, that the request comes from the user.
    """
    account = find_user(who)
    if not yes:
        confirm(f"Remove all second factors of {account.email}?")
    removed = interventions.reset_factors(account.id)
    if wants_json:
        print_json({"userId": account.id, "removed": removed})
    else:
        counts = ", ".join(f"{count} {kind}" for kind, count in removed.items() if count)
        click.echo(f"Removed from user {account.id}: {counts or 'no factor'}")
