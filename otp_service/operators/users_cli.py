"""`flask users`: create, list, show, verify, renumber and delete users."""

from dataclasses import asdict
from typing import Any

import click

from otp_service import audit, sessions
from otp_service.accounts import numbers, password_hashing, password_policy, registrations, users
from otp_service.accounts.users import Account
from otp_service.audit import COMMAND_LINE
from otp_service.operators.arguments import confirm, find_user, read_new_email, read_number, read_password
from otp_service.operators.otp_cli import print_codes, shown_code
from otp_service.operators.output import (
    CommandGroup,
    as_json,
    at_most,
    named,
    print_fields,
    print_json,
    print_table,
)
from otp_service.selfservice import interventions, personal_data
from otp_service.verifications import overview, owner_of_user

EVENTS_SHOWN = 10
CODES_SHOWN = 5

_HELP = """Create, show, change and delete users.

WHO is a user's id, e-mail address, or phone number with its country code, in any spelling. The result is printed to
standard output, as JSON with --json; logs go to standard error. Exit codes: 0 success, 1 rejected or not found,
2 wrong usage.
"""

_EXAMPLES = """\b
Examples:
  flask users create ada@example.com +14155552671
  flask users create ada@example.com +14155552671 --verified --password-stdin < password.txt
"""

users_cli = CommandGroup("users", help=_HELP, short_help="Create, show, change and delete users.")
verified = click.option("--verified", is_flag=True, help="Mark the number as verified, without a code.")


@users_cli.command("create", short_help="Add a user.", epilog=_EXAMPLES)
@click.argument("email")
@click.argument("phone_number")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@verified
@as_json
def create(email: str, phone_number: str, password_stdin: bool, verified: bool, wants_json: bool) -> None:
    """Add a user with EMAIL and PHONE_NUMBER (with its country code, such as +14155552671).

    The command asks for the password twice, or reads it from standard input. The password never appears in the process
    list or in a log.
    """
    canonical, number = read_new_email(email), read_number(phone_number)
    password = read_password(from_stdin=password_stdin)
    faults = password_policy.faults_of(password, email=canonical, phone_number=number)
    if faults:
        raise click.ClickException("\n".join(faults))
    account = registrations.create(
        email=canonical,
        phone_number=number,
        password_hash=password_hashing.hash_password(password),
        client=COMMAND_LINE,
        is_verified=verified,
    )
    print_account(account, wants_json)


@users_cli.command("list")
@at_most
@as_json
def list_users(limit: int, wants_json: bool) -> None:
    """List users, newest first."""
    found = users.list_all(limit=limit)
    if wants_json:
        print_json([_shown(account) for account in found])
        return
    print_table(
        ("ID", "E-MAIL", "PHONE", "STATE"),
        [(account.id, account.address, account.phone_number, _state(account)) for account in found],
        if_empty="No users yet. Add one with: flask users create EMAIL PHONE_NUMBER",
    )


@users_cli.command("show", short_help="Show one user.")
@click.argument("who")
@as_json
def show(who: str, wants_json: bool) -> None:
    """Show WHO (an id, e-mail address or phone number): the account, its live sessions, the latest codes
    with the reason why one did not arrive, and the latest events.
    """
    account = find_user(who)
    held, events = sessions.of_user(account.id), audit.events_of(account.id, limit=EVENTS_SHOWN)
    sent = overview.list_records(owner=owner_of_user(account.id), state=None, limit=CODES_SHOWN)
    if wants_json:
        codes = [shown_code(record) for record in sent]
        print_json({**_shown(account), "sessions": held, "codes": codes, "events": events})
        return
    print_account(account, wants_json)
    click.echo(f"\nlive sessions: {len(held)}")
    print_table(
        ("ID", "ACR", "LAST USED (UTC)", "IP ADDRESS", "DEVICE"),
        [(one.id, one.acr, one.last_used_at, one.ip, one.agent) for one in held],
    )
    click.echo(f"\nlatest codes: {len(sent)}")
    print_codes(sent)
    click.echo(f"\nlatest events: {len(events)}")
    print_table(("TIME (UTC)", "EVENT", "IP ADDRESS"), [(event.at, event.event, event.ip) for event in events])


@users_cli.command("verify", short_help="Mark the phone number as verified.")
@click.argument("who")
@as_json
def verify(who: str, wants_json: bool) -> None:
    """Mark the phone number of WHO (an id, e-mail address or phone number) as verified, without a code."""
    print_account(numbers.verify_by_operator(find_user(who).id), wants_json)


@users_cli.command("unverify")
@click.argument("who")
@as_json
def unverify(who: str, wants_json: bool) -> None:
    """Mark the user's number as unverified. Sessions stay; /profile responds 403 until the number is verified."""
    print_account(users.unverify_by_operator(find_user(who).id), wants_json)


@users_cli.command("set-phone")
@click.argument("who")
@click.argument("phone_number")
@verified
@as_json
def set_phone(who: str, phone_number: str, verified: bool, wants_json: bool) -> None:
    """Give WHO (an id, e-mail address or phone number) another PHONE_NUMBER (with its
    country code).

    The user is notified by e-mail. Pending codes and sign-ins end; sessions stay. A number that another user has is
    rejected: only a verification by code takes a number from another account.
    """
    account = find_user(who)
    number = read_number(phone_number)
    print_account(interventions.set_phone_number(account.id, number, is_verified=verified), wants_json)


@users_cli.command("delete", short_help="Delete the user permanently.")
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def delete(who: str, yes: bool) -> None:
    """Delete WHO (an id, e-mail address or phone number) and all their data, permanently.

    Only the audit events stay, without personal data. The user is notified by e-mail. The command asks for
    confirmation; without a terminal it needs --yes.
    """
    account = find_user(who)
    if not yes:
        confirm(f"Delete user {account.id} ({account.email}) for good?")
    personal_data.erase_by_operator(account)
    click.echo(f"Deleted user {account.id}.")


def print_account(account: Account, wants_json: bool) -> None:
    """Print a user, as JSON or as text."""
    if wants_json:
        print_json(_shown(account))
    else:
        print_fields(
            {name.replace("_", " "): value for name, value in asdict(account).items()}
            | {"email": account.address, "state": _state(account)}
        )


def _shown(account: Account) -> dict[str, Any]:
    return {**named(account), "email": account.address, "isVerified": account.is_verified}


def _state(account: Account) -> str:
    return "locked" if account.locked_at else "verified" if account.is_verified else "unverified"
