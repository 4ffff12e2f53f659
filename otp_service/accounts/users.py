"""Finds, makes and changes users."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningDelete

from otp_service import audit, outbox, sessions
from otp_service.accounts import throttle
from otp_service.accounts.errors import EmailTaken, PhoneNumberMissing, PhoneNumberTaken, UserNotFound
from otp_service.accounts.models import User
from otp_service.core import clock
from otp_service.core.database import (
    execute,
    fetch_all,
    fetch_one,
    transaction,
    violated_constraint,
    wait_for_turn,
)
from otp_service.core.prepared import Given, prepared
from otp_service.core.tracing import ClientInfo

_TAKEN = {"uq_users_email": EmailTaken, "uq_users_phone_number": PhoneNumberTaken}


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


_COLUMNS = [getattr(User, name) for name in Account.__dataclass_fields__]
_ADD = insert(User).returning(*_COLUMNS)
_BY_ID = select(*_COLUMNS).where(User.id == bindparam("user_id"))  # made once: it runs with every profile

IS_VERIFIED = select(User.phone_verified_at.is_not(None)).where(User.id == sessions.OWNER).scalar_subquery()
"""Whether the owner of a session has a proven number, for statements of sessions."""

_WITH_SESSION = _BY_ID.where(sessions.LIVE.exists())


def find(*conditions: ColumnElement[bool]) -> Account | None:
    """The user that meets the conditions."""
    row = fetch_one(select(*_COLUMNS).where(*conditions))
    return Account(*row) if row else None


def find_by_email(email: str) -> Account | None:
    """The user with a canonical address."""
    return find(User.email == email)


def find_by_phone_number(phone_number: str) -> Account | None:
    """The user who holds an E.164 number."""
    return find(_holds(phone_number))


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
    statement = select(*_COLUMNS).where(User.id == user_id, User.locked_at.is_(None))
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
    condition = User.email == email if email is not None else _holds(phone_number)
    return _present(find(condition, User.locked_at.is_(None)))


def list_all(*, limit: int) -> list[Account]:
    """The newest users."""
    return [Account(*row) for row in fetch_all(select(*_COLUMNS).order_by(User.id.desc()).limit(limit))]


def release_held(*conditions: ColumnElement[bool], now: datetime) -> int:
    """Remove registrations that were not proven in time, and all that is theirs; returns how many."""
    return release(~_stands(now), *conditions, now=now)


def release(*conditions: ColumnElement[bool], now: datetime) -> int:
    """Remove registrations that hold an address or number without proof, and all that is theirs; returns how many."""
    with transaction():
        is_unproven = User.held_until.is_not(None)
        released = execute(delete(User).where(is_unproven, *conditions).returning(User.id)).all()
        _forget(released, now)
    return len(released)


def _forget(released: Sequence[Row[Any]], now: datetime) -> None:
    for row in released:
        outbox.forget_user(row.id)
        audit.record("user.released", user_id=row.id, client=audit.COMMAND_LINE, at=now)


@prepared
def _outlived(email: Given, phone_number: Given, now: Given) -> ReturningDelete[Any]:
    is_in_the_way = (User.email == email) | (User.phone_number == phone_number)
    return delete(User).where(User.held_until.is_not(None), ~_stands(now), is_in_the_way).returning(User.id)


def refuse_taken(*, email: str, phone_number: str) -> None:
    """Raise EmailTaken or PhoneNumberTaken before a hash is spent on a registration that cannot be."""
    emails = [row.email for row in fetch_all(*_standing(email, phone_number, clock.now()))]
    if email in emails:
        raise EmailTaken
    if emails:
        raise PhoneNumberTaken


@prepared
def _standing(email: Given, phone_number: Given, now: Given) -> Select[Any]:
    return select(User.email).where((User.email == email) | _holds(phone_number), _stands(now))


def _holds(phone_number: str | Given | None) -> ColumnElement[bool]:
    return (User.phone_number == phone_number) & User.holds_number


def _stands(now: datetime | Given) -> ColumnElement[bool]:
    """Whether a user keeps address and number: proven, made by an operator, or registered a short time ago."""
    return or_(User.held_until.is_(None), User.held_until > now)


def create(  # noqa: PLR0913 - what a user has at the start
    *,
    email: str,
    phone_number: str,
    password_hash: str,
    client: ClientInfo,
    is_verified: bool = False,
    hold: timedelta | None = None,
    may_share: bool = False,
) -> Account:
    """Add a user who holds the number. Raises EmailTaken or PhoneNumberTaken, under any number of parallel tries.

    With `hold` the user is gone unless the number is proven in that time; who is gone so makes room here. With
    `may_share` a number that another holds is no obstacle: the user exists without holding it, and gets it by proof.
    """
    now = clock.now()
    values = {
        "email": email,
        "phone_number": phone_number,
        "password_hash": password_hash,
        "password_changed_at": now,
        "created_at": now,
        "phone_verified_at": now if is_verified else None,
        "held_until": now + hold if hold else None,
    }
    try:
        with transaction():
            wait_for_turn(phone_number)
            _forget(execute(*_outlived(email, phone_number, now)).all(), now)
            holds_number = not may_share or find_by_phone_number(phone_number) is None
            account = Account(*execute(_ADD, {**values, "holds_number": holds_number}).one())
            audit.record("user.registered", user_id=account.id, client=client, at=now)
            return account
    except IntegrityError as error:
        taken = _TAKEN.get(violated_constraint(error) or "")
        if taken is None:
            raise
        raise taken from error


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
