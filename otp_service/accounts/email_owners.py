"""Whose an e-mail address is: it is proven, it changes hands, and who holds it without any proof gives way."""

from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import IntegrityError

from otp_service import audit
from otp_service.accounts import notices, registrations, throttle, users
from otp_service.accounts.errors import EmailTaken
from otp_service.accounts.models import User
from otp_service.accounts.users import Account
from otp_service.core import allowances
from otp_service.core.allowances import DAY, Allowance
from otp_service.core.database.transactions import execute, fetch_one, transaction, violated_constraint
from otp_service.core.web.tracing import ClientInfo

_TOLD = "already-registered"


def is_taken(email: str, *, now: datetime) -> bool:
    """Whether an address is somebody's, beyond a registration that proved nothing."""
    return fetch_one(select(User.id).where(User.email == email, ~_gives_way(now))) is not None


def tell_owner(email: str, event: str, *, client: ClientInfo, now: datetime) -> None:
    """Tell whoever has the address that somebody else wanted it, while nobody else may know that it is taken.

    Once a day at most: strangers must not fill anybody's mailbox.
    """
    with transaction():
        account = users.find_by_email(email)
        if account is None:
            return  # deleted at this moment: the next try will do
        audit.record(event, user_id=account.id, client=client, at=now)
        if allowances.take_if_left(Allowance(_TOLD, str(account.id), 1, DAY), now=now):
            notices.notify(account.id, "already_registered", now=now, client=client)


def mark_verified(user_id: int, *, email: str, now: datetime) -> bool:
    """Note that the user proved an address, in the open transaction; False when it is not the user's any more."""
    is_theirs = (User.id == user_id) & (User.email == email)
    return execute(update(User).where(is_theirs).values(email_verified_at=now)).rowcount == 1


def change(account: Account, *, email: str, now: datetime) -> None:
    """Give the user a proven address, in the open transaction; challenges earned before are void. Raises EmailTaken.

    A registration that holds the address without proof goes, and all that is theirs.
    """
    registrations.release(User.email == email, _gives_way(now), now=now)
    values = {"email": email, "email_verified_at": now, "challenges_void_before": now}
    try:
        execute(update(User).where(User.id == account.id).values(**values))
    except IntegrityError as error:
        if violated_constraint(error) != "uq_users_email":
            raise
        raise EmailTaken from error
    throttle.move(throttle.subject_of(account.email), throttle.subject_of(email))


def _gives_way(now: datetime) -> ColumnElement[bool]:
    """Whether a user has neither proven the number nor the address, or had too long for the number."""
    return User.held_until.is_not(None) & or_(User.email_verified_at.is_(None), User.held_until <= now)
