"""E-mail addresses: one canonical form, and who holds one."""

from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from otp_service.accounts import earlier_addresses, earned, registrations, throttle
from otp_service.accounts.errors import EmailMissing, EmailTaken
from otp_service.accounts.models import User
from otp_service.accounts.users import RELEASED, Account
from otp_service.core.database.transactions import execute, fetch_one, violated_constraint
from otp_service.core.services import settings
from otp_service.core.text import trimmed
from otp_service.mail.settings import MailSettings
from otp_service.mail.wire_addresses import needs_smtputf8

MAXIMUM_LENGTH = 254
MAXIMUM_LOCAL_PART = 64  # octets before the @ (RFC 5321, 4.5.3.1.1); mail servers reject more


def canonical(text: str) -> str | None:
    """Return the address in lower case, NFC, with an IDNA domain in Unicode; None if it is not an address.

    Blanks around it do not count: phone keyboards add one after a word. No other spelling of the address can open a
    second account or another limit. The local part is folded too: RFC 5321 lets a host distinguish `A@` from `a@`, but
    no host in common use does.
    """
    text = trimmed(text)
    if len(text) > MAXIMUM_LENGTH:
        return None
    try:
        address = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return None
    is_address = "." in address.domain and len(address.local_part.encode()) <= MAXIMUM_LOCAL_PART
    return address.normalized.lower() if is_address else None


def can_be_given(address: str) -> bool:
    """Whether an account may get the canonical address: messages to it must be able to leave (ADR 26).

    Accounts that have another one keep it and sign in with it.
    """
    return not needs_smtputf8(address) or settings().of(MailSettings).has_smtputf8


def is_taken(email: str, *, now: datetime) -> bool:
    """Whether an account has the address, other than a registration whose time to verify is over."""
    return fetch_one(select(User.id).where(User.email == email, registrations.stands(now))) is not None


def mark_verified(user_id: int, *, email: str, now: datetime) -> bool:
    """Record in the open transaction that the user verified an address; False if the user has another one now."""
    is_theirs = (User.id == user_id) & (User.email == email)
    return execute(update(User).where(is_theirs).values(email_verified_at=now)).rowcount == 1


def mark_by_operator(account: Account, *, is_verified: bool, now: datetime) -> None:
    """Mark the user's address as verified or not, in the open transaction. Raises EmailMissing."""
    if account.address is None:
        raise EmailMissing
    is_theirs = (User.id == account.id) & (User.email == account.email)
    execute(update(User).where(is_theirs).values(email_verified_at=now if is_verified else None))


def change(account: Account, *, email: str, now: datetime, is_verified: bool = True) -> None:
    """Give the user another address, in the open transaction. What was earned before is void.

    Raises EmailTaken, also for a registration that still has time to verify the address: a change never deletes one.
    """
    registrations.release_held(User.email == email, now=now)
    values = {"email": email, "email_verified_at": now if is_verified else None}
    try:
        execute(update(User).where(User.id == account.id).values(**values))
    except IntegrityError as error:
        # The constraint decides: another account may have taken the address since the link was sent (ADR 3).
        if violated_constraint(error) != "uq_users_email":
            raise
        raise EmailTaken from error
    earned.void(account.id, now=now)
    if account.address is not None:
        earlier_addresses.record(account.id, account.address, now=now)
    # Failed sign-ins follow the account: a change of address must not end a wait.
    throttle.move(throttle.subject_of(account.email), throttle.subject_of(email))


def take_from(account: Account) -> bool:
    """Take an unverified address from the account, in the open transaction; False if it is verified by now."""
    name = f"{RELEASED}{account.id}"
    # The condition decides: a verification that commits first keeps the address (ADR 34).
    is_unverified = (User.id == account.id) & (User.email == account.email) & User.email_verified_at.is_(None)
    if execute(update(User).where(is_unverified).values(email=name)).rowcount != 1:
        return False
    throttle.move(throttle.subject_of(account.email), throttle.subject_of(name))
    return True
