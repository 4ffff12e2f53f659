"""E-mail addresses: one canonical form, who holds one, and which registrations give way to its owner."""

from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import IntegrityError

from otp_service import audit
from otp_service.accounts import earned, notices, registrations, throttle, users
from otp_service.accounts.errors import EmailTaken
from otp_service.accounts.models import User
from otp_service.accounts.users import Account
from otp_service.core import allowances
from otp_service.core.allowances import DAY, Allowance
from otp_service.core.database.transactions import execute, fetch_one, transaction, violated_constraint
from otp_service.core.services import settings
from otp_service.core.text import trimmed
from otp_service.core.web.tracing import ClientInfo
from otp_service.mail.settings import MailSettings
from otp_service.mail.wire_addresses import needs_smtputf8

MAXIMUM_LENGTH = 254
MAXIMUM_LOCAL_PART = 64  # octets before the @ (RFC 5321, 4.5.3.1.1); mail servers reject more
_OWNER_NOTICE = "already-registered"


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
    """Whether an account has the address, other than a registration that gives way."""
    return fetch_one(select(User.id).where(User.email == email, ~_gives_way(now))) is not None


def notify_owner(email: str, event: str, *, client: ClientInfo, now: datetime) -> None:
    """Notify the owner of an address that another person tried to use it; the caller learns neither way.

    Sends at most one message a day, so that strangers cannot fill the owner's mailbox.
    """
    with transaction():
        account = users.find_by_email(email)
        if account is None:
            return  # deleted after the address was found taken: the next try finds it free
        audit.record(event, user_id=account.id, client=client, at=now)
        if allowances.take_if_left(Allowance(_OWNER_NOTICE, str(account.id), 1, DAY), now=now):
            notices.notify(account.id, "already_registered", now=now, client=client)


def mark_verified(user_id: int, *, email: str, now: datetime) -> bool:
    """Record in the open transaction that the user verified an address; False if the user has another one now."""
    is_theirs = (User.id == user_id) & (User.email == email)
    return execute(update(User).where(is_theirs).values(email_verified_at=now)).rowcount == 1


def change(account: Account, *, email: str, now: datetime) -> None:
    """Give the user a verified address, in the open transaction. What was earned before is void.

    Deletes a registration that holds the address without having verified it. Raises EmailTaken.
    """
    registrations.release(User.email == email, _gives_way(now), now=now)
    values = {"email": email, "email_verified_at": now}
    try:
        execute(update(User).where(User.id == account.id).values(**values))
    except IntegrityError as error:
        # The constraint decides: another account may have taken the address since the link was sent (ADR 3).
        if violated_constraint(error) != "uq_users_email":
            raise
        raise EmailTaken from error
    earned.void(account.id, now=now)
    # Failed sign-ins follow the account: a change of address must not end a wait.
    throttle.move(throttle.subject_of(account.email), throttle.subject_of(email))


def _gives_way(now: datetime) -> ColumnElement[bool]:
    """Whether a user is a registration that verified neither number nor address, or whose time for that is over."""
    return User.held_until.is_not(None) & or_(User.email_verified_at.is_(None), User.held_until <= now)
