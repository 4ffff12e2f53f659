"""Finds and changes users."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, select, update

from otp_service import audit, sessions
from otp_service.accounts import throttle
from otp_service.accounts.errors import PhoneNumberMissing, UserNotFound
from otp_service.accounts.models import User
from otp_service.core import clock
from otp_service.core.database.prepared import Given, prepared
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction


@dataclass(frozen=True, slots=True)
class Account:
    """A user as other features see one: values, no row."""

    id: int
    email: str
    email_verified_at: datetime | None
    phone_number: str | None
    holds_number: bool
    phone_verified_at: datetime | None
    password_changed_at: datetime
    challenges_void_before: datetime | None
    locked_at: datetime | None
    display_name: str | None
    locale: str | None
    created_at: datetime

    @property
    def is_verified(self) -> bool:
        """Whether the number was proven."""
        return self.phone_verified_at is not None

    @property
    def email_verified(self) -> bool:
        """Whether the address was proven."""
        return self.email_verified_at is not None

    def has_voided(self, earned_at: datetime) -> bool:
        """Whether what was earned, or asked for, at that moment opens nothing any more: a lock or a password since."""
        return self.challenges_void_before is not None and earned_at <= self.challenges_void_before

    def reachable_number(self) -> str:
        """Where codes go. Raises PhoneNumberMissing for an account whose number another proved."""
        if self.phone_number is None:
            raise PhoneNumberMissing
        return self.phone_number


COLUMNS = [getattr(User, name) for name in Account.__dataclass_fields__]
_BY_ID = select(*COLUMNS).where(User.id == bindparam("user_id"))

IS_VERIFIED = select(User.phone_verified_at.is_not(None)).where(User.id == sessions.OWNER).scalar_subquery()
"""Whether the owner of a session has a proven number, for statements of sessions."""

_WITH_SESSION = _BY_ID.where(sessions.LIVE.exists())


def find(*conditions: ColumnElement[bool]) -> Account | None:
    """The user that meets the conditions."""
    row = fetch_one(select(*COLUMNS).where(*conditions))
    return Account(*row) if row else None


def find_by_email(email: str) -> Account | None:
    """The user with a canonical address."""
    return find(User.email == email)


def find_by_phone_number(phone_number: str) -> Account | None:
    """The user who holds an E.164 number."""
    return find(holds(phone_number))


def find_by_id(user_id: int) -> Account | None:
    """The user with an id."""
    row = fetch_one(_BY_ID, {"user_id": user_id})
    return Account(*row) if row else None


def find_with_session(user_id: int, session_id: uuid.UUID, *, now: datetime) -> Account | None:
    """The user whose session lives: the check of the session and the read of the user in one statement."""
    row = fetch_one(_WITH_SESSION, sessions.live_parameters(session_id, user_id=user_id, now=now))
    return Account(*row) if row else None


def get(user_id: int) -> Account:
    """The user with an id. Raises UserNotFound."""
    return _present(find_by_id(user_id))


def find_and_hold(user_id: int) -> Account | None:
    """The user unless locked, kept from being locked or deleted until the open transaction ends."""
    row = fetch_one(*_held(user_id))
    return Account(*row) if row else None


@prepared
def _held(user_id: Given) -> Select[Any]:
    statement = select(*COLUMNS).where(User.id == user_id, User.locked_at.is_(None))
    return statement.with_for_update(key_share=True)


def keep(user_id: int) -> bool:
    """Keep the user from being deleted until the open transaction ends; False if there is no such user.

    Whoever will write rows that belong to the user, and locks others before, starts here.
    """
    return fetch_one(*_kept(user_id)) is not None


@prepared
def _kept(user_id: Given) -> Select[Any]:
    return select(User.id).where(User.id == user_id).with_for_update(read=True, key_share=True)


def get_by_recipient(*, email: str | None, phone_number: str | None) -> Account:
    """The unlocked user with a canonical address, or who holds an E.164 number. Raises UserNotFound."""
    condition = User.email == email if email is not None else holds(phone_number)
    return _present(find(condition, User.locked_at.is_(None)))


def list_all(*, limit: int) -> list[Account]:
    """The newest users."""
    return [Account(*row) for row in fetch_all(select(*COLUMNS).order_by(User.id.desc()).limit(limit))]


def holds(phone_number: str | Given | None) -> ColumnElement[bool]:
    """Whether a user is the one who holds an E.164 number."""
    return (User.phone_number == phone_number) & User.holds_number


def unverify_by_operator(user_id: int) -> Account:
    """Take the number as unproven again; sessions stay. Raises UserNotFound."""
    return _change(user_id, "user.unverified_by_operator", phone_verified_at=None)


def lock(user_id: int) -> Account:
    """Refuse every sign-in, void the open challenges and end all sessions, at once. Raises UserNotFound."""
    now = clock.now()
    with transaction():
        account = _change(user_id, "user.locked_by_operator", locked_at=now, challenges_void_before=now)
        sessions.end_all(user_id, now=now)  # after the lock: a session that was just being opened is seen
        return account


def unlock(user_id: int) -> Account:
    """Undo `lock`, and end the wait after wrong passwords. Raises UserNotFound."""
    with transaction():
        account = _change(user_id, "user.unlocked_by_operator", locked_at=None)
        throttle.clear(throttle.subject_of(account.email))
        return account


def edit(user_id: int, **values: str | None) -> None:
    """Set display name or locale, in the open transaction."""
    execute(update(User).where(User.id == user_id).values(**values))


def set_password_hash(user_id: int, password_hash: str, *, now: datetime) -> None:
    """Replace the password, in the open transaction; what the old one earned is void, its failures forgotten."""
    values = {"password_hash": password_hash, "password_changed_at": now, "challenges_void_before": now}
    if execute(update(User).where(User.id == user_id).values(**values)).rowcount != 1:
        raise UserNotFound
    throttle.clear(throttle.subject_of(get(user_id).email))


def void_challenges(user_id: int, *, now: datetime) -> None:
    """Let no challenge that was earned before `now` open anything."""
    execute(update(User).where(User.id == user_id).values(challenges_void_before=now))


def remove(user_id: int) -> None:
    """Delete the user and, by foreign keys, all that is theirs; events and messages stay. Raises UserNotFound."""
    with transaction():
        if execute(delete(User).where(User.id == user_id)).rowcount != 1:
            raise UserNotFound


def _change(user_id: int, event: str, **values: Any) -> Account:
    with transaction():
        if execute(update(User).where(User.id == user_id).values(**values)).rowcount != 1:
            raise UserNotFound
        audit.record(event, user_id=user_id, client=audit.COMMAND_LINE, at=clock.now())
        return get(user_id)


def _present(account: Account | None) -> Account:
    if account is None:
        raise UserNotFound
    return account
