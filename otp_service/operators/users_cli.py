"""`flask users`: create, show, change and delete users."""

import json
import re
import sys
from dataclasses import asdict
from typing import Any

import click
import orjson

from otp_service import audit, sessions
from otp_service.accounts import addresses, credentials, numbers, registrations, users
from otp_service.accounts.users import Account
from otp_service.audit import COMMAND_LINE, Event
from otp_service.core import phone
from otp_service.core.commands import CommandGroup
from otp_service.core.settings import settings
from otp_service.core.text import shown
from otp_service.core.web.schema import camel_case
from otp_service.operators.import_cli import export, import_users
from otp_service.sessions import Held

EVENTS_SHOWN = 10

_HELP = """Create, show, change and delete users.

WHO is a user's id, e-mail address, or phone number with its country code, in any spelling. What is done is told on
standard output, as JSON with --json; logs go to standard error. Exit codes: 0 done, 1 refused or nobody found,
2 wrong usage.
"""

_EXAMPLES = """\b
Examples:
  flask users create ada@example.com +14155552671
  flask users create ada@example.com +14155552671 --verified --password-stdin < password.txt
"""

users_cli = CommandGroup("users", help=_HELP, short_help="Create, show, change and delete users.")
as_json = click.option("--json", "wants_json", is_flag=True, help="Print JSON instead of text.")
users_cli.add_command(import_users)
users_cli.add_command(export)


@users_cli.command("create", short_help="Add a user.", epilog=_EXAMPLES)
@click.argument("email")
@click.argument("phone_number")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@click.option("--verified", is_flag=True, help="Take the number as proven, on your word; no code is sent.")
@as_json
def create(email: str, phone_number: str, password_stdin: bool, verified: bool, wants_json: bool) -> None:
    """Add a user with EMAIL and PHONE_NUMBER (with its country code, such as +14155552671).

    The password is asked for twice, or read from standard input; it never appears in the process list or in a log.
    """
    canonical, number = _canonical(email), read_number(phone_number)
    password = _read_password() if password_stdin else _ask_password()
    faults = credentials.faults_of(password, email=canonical, phone_number=number)
    if faults:
        raise click.ClickException("\n".join(faults))
    account = registrations.create(
        email=canonical,
        phone_number=number,
        password_hash=credentials.hash_password(password),
        client=COMMAND_LINE,
        is_verified=verified,
    )
    print_one(account, wants_json)


@users_cli.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many.")
@as_json
def list_users(limit: int, wants_json: bool) -> None:
    """List users, the newest first."""
    found = users.list_all(limit=limit)
    if wants_json:
        print_json([_shown(account) for account in found])
        return
    click.echo(f"{'ID':>6}  {'E-MAIL':<36} {'PHONE':<17} STATE")
    for account in found:
        click.echo(f"{account.id:>6}  {shown(account.email):<36} {account.phone_number or '-':<17} {_state(account)}")
    if not found:
        click.echo("No users yet. Add one with: flask users create EMAIL PHONE_NUMBER")


@users_cli.command("show", short_help="Show one user.")
@click.argument("who")
@as_json
def show(who: str, wants_json: bool) -> None:
    """Show WHO (an id, e-mail address or phone number): the account, its live sessions and its last events."""
    account = find_user(who)
    held, happened = sessions.of_user(account.id), audit.events_of(account.id, limit=EVENTS_SHOWN)
    if wants_json:
        print_json({**_shown(account), "sessions": list(map(_named, held)), "events": list(map(_named, happened))})
        return
    print_one(account, wants_json)
    click.echo(f"\nlive sessions: {len(held) or 'none'}")
    for one in held:
        click.echo(f"  {one.id}  {one.acr}  {one.last_used_at:%Y-%m-%d %H:%M:%S}  {shown(one.ip)}  {shown(one.agent)}")
    click.echo(f"\nlast events: {'' if happened else 'none'}")
    for event in happened:
        click.echo(f"  {event.at:%Y-%m-%d %H:%M:%S}  {event.event}  {shown(event.ip)}")


@users_cli.command("verify", short_help="Take the phone number as proven.")
@click.argument("who")
@as_json
def verify(who: str, wants_json: bool) -> None:
    """Take the phone number of WHO (an id, e-mail address or phone number) as proven, on your word; no code is sent."""
    print_one(numbers.verify_by_operator(find_user(who).id), wants_json)


@users_cli.command("unverify")
@click.argument("who")
@as_json
def unverify(who: str, wants_json: bool) -> None:
    """Take the user's number as unproven again. Sessions stay; /profile answers 403 until the number is proven."""
    print_one(users.unverify_by_operator(find_user(who).id), wants_json)


@users_cli.command("lock", short_help="Lock the user out, at once.")
@click.argument("who")
@as_json
def lock(who: str, wants_json: bool) -> None:
    """Lock WHO (an id, e-mail address or phone number) out, at once.

    All sessions end, and no sign-in succeeds until `flask users unlock`.
    """
    print_one(users.lock(find_user(who).id), wants_json)


def find_user(who: str) -> Account:
    """A user by id, e-mail or number; the command ends with code 1 when there is none."""
    account = users.find_by_id(int(who)) if re.fullmatch(r"[0-9]{1,9}", who) else None
    address, number = addresses.canonical(who), phone.parse(who, default_region=settings().phone_default_region)
    if account is None and address is not None:
        account = users.find_by_email(address)
    if account is None and number is not None:
        account = users.find_by_phone_number(number.e164)
    if account is None:
        raise click.ClickException(f"No user has the id, e-mail or number {who!r}. Try: flask users list")
    return account


def _canonical(email: str) -> str:
    address = addresses.canonical(email)
    if address is None:
        raise click.BadParameter(f"{email!r} is no e-mail address", param_hint="EMAIL")
    return address


def read_number(phone_number: str) -> str:
    """The E.164 number that the operator wrote. Raises BadParameter."""
    number = phone.parse(phone_number, default_region=settings().phone_default_region)
    if number is None:
        raise click.BadParameter(
            f"{phone_number!r} is no phone number with its country code", param_hint="PHONE_NUMBER"
        )
    return number.e164


def _read_password() -> str:
    try:
        line = sys.stdin.buffer.readline().decode()
    except UnicodeDecodeError as error:
        raise click.ClickException("The password on standard input is not UTF-8.") from error
    return line.removesuffix("\n").removesuffix("\r")


def _ask_password() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _named(value: Held | Event) -> dict[str, Any]:
    return {camel_case(name): part for name, part in asdict(value).items()}


def _shown(account: Account) -> dict[str, Any]:
    return {camel_case(name): value for name, value in asdict(account).items()} | {"isVerified": account.is_verified}


def _state(account: Account) -> str:
    return "locked" if account.locked_at else "verified" if account.is_verified else "unverified"


def print_one(account: Account, wants_json: bool) -> None:
    """Show a user, as JSON or as text."""
    if wants_json:
        print_json(_shown(account))
        return
    for name, value in asdict(account).items():
        click.echo(f"{name.replace('_', ' '):<24} {'-' if value is None else shown(value)}")
    click.echo(f"{'state':<24} {_state(account)}")


def print_json(value: Any) -> None:
    """Print JSON in which whatever could steer a terminal is an escape of JSON's own."""
    written = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    click.echo("".join(letter if letter.isprintable() or letter == "\n" else _escaped(letter) for letter in written))


def _escaped(letter: str) -> str:
    return json.dumps(letter)[1:-1]
