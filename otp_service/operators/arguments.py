"""The arguments that several commands take: WHO, an e-mail address, a phone number, a password."""

import os
import re
import sys
import warnings
from getpass import GetPassWarning, getuser

import click

from otp_service import verifications
from otp_service.accounts import email_addresses, users
from otp_service.accounts.users import Account
from otp_service.core import phone
from otp_service.core.services import settings
from otp_service.core.text import trimmed
from otp_service.mail.wire_addresses import UNSENDABLE


def find_user(who: str) -> Account:
    """Find a user by id, e-mail address or phone number. Raises click.ClickException if there is none."""
    who = trimmed(who)
    # Nine digits at most: PostgreSQL rejects a number that exceeds the column with an error.
    account = users.find_by_id(int(who)) if re.fullmatch(r"[0-9]{1,9}", who) else None
    address, number = (
        email_addresses.canonical(who),
        phone.parse(who, default_region=settings().codes.phone_default_region),
    )
    if account is None and address is not None:
        account = users.find_by_email(address)
    if account is None and number is not None:
        account = users.find_by_phone_number(number.e164)
    if account is None:
        raise click.ClickException(f"No user has the id, e-mail or number {who!r}. Try: flask users list")
    return account


def read_new_email(text: str) -> str:
    """Return the canonical e-mail address that a user is to get. Raises click.BadParameter."""
    address = email_addresses.canonical(text)
    if address is None:
        raise click.BadParameter(f"{text!r} is not an e-mail address", param_hint="EMAIL")
    if not email_addresses.can_be_given(address):
        raise click.BadParameter(f"{text!r} is rejected: {UNSENDABLE} (see SMTP_UTF8)", param_hint="EMAIL")
    return address


def read_number(text: str) -> str:
    """Return a phone number for an account in E.164. Raises click.BadParameter, also for one that no code reaches."""
    number = phone.parse(text, default_region=settings().codes.phone_default_region)
    if number is None:
        raise click.BadParameter(f"{text!r} is not a phone number with a country code", param_hint="PHONE_NUMBER")
    if refusal := verifications.find_refusal(number.e164):
        raise click.BadParameter(refusal.detail, param_hint="PHONE_NUMBER")
    return number.e164


def confirm(question: str) -> None:
    """Ask for a yes. Raises click.ClickException without one; nothing was changed."""
    try:
        if click.confirm(question):
            return
    except click.Abort:
        raise click.ClickException("Nothing was changed. Without a terminal to confirm on, add --yes.") from None
    raise click.ClickException("Nothing was changed.")


def operator_name() -> str:
    """Return the login name of who runs the command, for the record."""
    try:
        return getuser()
    except (OSError, KeyError):  # a container may run under a number without a name
        return f"uid {os.getuid()}"


def read_password(*, from_stdin: bool) -> str:
    """Read a password from the first line of standard input, or ask for it twice. Raises click.ClickException."""
    if not from_stdin:
        return _prompted_password()
    try:
        line = sys.stdin.buffer.readline().decode()
    except UnicodeDecodeError as error:
        raise click.ClickException("The password on standard input is not UTF-8.") from error
    return line.removesuffix("\n").removesuffix("\r")


def _prompted_password() -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)  # getpass would show the password and write to the log
            return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    except (GetPassWarning, click.Abort):
        raise click.ClickException(
            "No password was given. Without a terminal to ask on, pipe it in and add --password-stdin."
        ) from None
