"""Registrations: an unverified one reserves its address and number for a limited time, and is deleted after it."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningDelete

from otp_service import audit, outbox, sessions, verifications
from otp_service.accounts import earned, links, users
from otp_service.accounts.errors import EmailTaken, PhoneNumberTaken
from otp_service.accounts.models import User
from otp_service.accounts.new_users import NewUser
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, fetch_all, transaction, violated_constraint, wait_for_turn
from otp_service.core.web.tracing import ClientInfo

BATCH = 100
PAUSE_SECONDS = 0.1

_add = prepared_insert(User, *users.ACCOUNTS.columns)
_TAKEN = {"uq_users_email": EmailTaken, "uq_users_phone_number": PhoneNumberTaken}


def refuse_taken(*, email: str, phone_number: str | None) -> None:
    """Raise EmailTaken or PhoneNumberTaken, before a hash is spent on a registration that cannot succeed."""
    emails = [row.email for row in fetch_all(*_standing(email, phone_number, clock.now()))]
    if email in emails:
        raise EmailTaken
    if emails:
        raise PhoneNumberTaken


@prepared
def _standing(email: Given, phone_number: Given, now: Given) -> Select[Any]:
    return select(User.email).where((User.email == email) | users.holds(phone_number), stands(now))


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
    """Add a user who holds the number. Raises EmailTaken, PhoneNumberTaken.

    With `is_verified`, an operator vouches for the number and for the password that came with it (ADR 34). With `hold`,
    the user is a registration that is deleted unless the number is verified in that time. With `may_share`, the user is
    added even if another user holds the number, and gets it by verifying it.
    """
    now = clock.now()
    user = NewUser(password_hash, email, phone_number, is_verified=is_verified)
    return _insert(user, client, now, held_until=now + hold if hold else None, may_share=may_share)


def add(user: NewUser, *, client: ClientInfo) -> Account:
    """Add a user that an operator or a backend vouches for. Raises EmailTaken, PhoneNumberTaken."""
    return _insert(user, client, clock.now())


def _insert(
    user: NewUser, client: ClientInfo, now: datetime, *, held_until: datetime | None = None, may_share: bool = False
) -> Account:
    values, phone_number = {**user.columns(now), "held_until": held_until}, user.phone_number
    try:
        with transaction():
            if phone_number is not None:
                # One registration with a number at a time: two must not both find it free (ADR 17).
                wait_for_turn(phone_number)
            _forget(execute(*_outlived(values["email"], phone_number, now)).all(), now)
            if may_share and phone_number is not None:
                values["holds_number"] = users.find_by_phone_number(phone_number) is None
            account = users.ACCOUNTS.value(execute(*_add(**values)).one())
            audit.record("user.registered", user_id=account.id, client=client, at=now, verified=user.is_verified)
            return account
    except IntegrityError as error:
        # The constraints decide, whatever was read before (ADR 3).
        taken = _TAKEN.get(violated_constraint(error) or "")
        if taken is None:
            raise
        raise taken from error


def release_held(*conditions: ColumnElement[bool], now: datetime) -> int:
    """Delete registrations whose number was not verified in time, with their rows; return how many."""
    return release(~stands(now), *conditions, now=now)


def release(*conditions: ColumnElement[bool], now: datetime) -> int:
    """Delete unverified registrations that meet the conditions, with their rows; return how many."""
    with transaction():
        is_unverified = User.held_until.is_not(None)
        released = execute(delete(User).where(is_unverified, *conditions).returning(User.id)).all()
        _forget(released, now)
    return len(released)


def release_outdated(now: datetime) -> int:
    """Do what `release_held` does for all registrations, a batch in each transaction; return how many were deleted."""
    outdated, released = select(User.id).where(~stands(now)).order_by(User.id).limit(BATCH), 0
    while found := [row.id for row in fetch_all(outdated)]:
        done = release_held(User.id.in_(found), now=now)
        released += done
        if len(found) < BATCH or not done:
            break
        time.sleep(PAUSE_SECONDS)
    return released


def void_prepared(account: Account, *, now: datetime) -> None:
    """Void what the registrant may have prepared, in the transaction in which the owner verifies number or address.

    The registrant may not be the owner. Challenges, sessions and all links end, but those that only the owner of
    the mailbox can open; of a registration, display name and language go as well. The password stays, but opens no
    session without a second step (ADR 34).
    """
    earned.void_challenges(account.id, now=now)
    links.void_earned(account.id, now=now)
    sessions.end_all(account.id, now=now)
    if account.held_until is not None:
        execute(update(User).where(User.id == account.id).values(display_name=None, locale=None))


def _forget(released: Sequence[Row[Any]], now: datetime) -> None:
    for row in released:
        verifications.forget_owner(verifications.owner_of_user(row.id))
        outbox.forget_user(row.id)
        audit.record("user.released", user_id=row.id, client=audit.COMMAND_LINE, at=now)


@prepared
def _outlived(email: Given, phone_number: Given, now: Given) -> ReturningDelete[Any]:
    is_in_the_way = (User.email == email) | (User.phone_number == phone_number)
    return delete(User).where(User.held_until.is_not(None), ~stands(now), is_in_the_way).returning(User.id)


def stands(now: datetime | Given) -> ColumnElement[bool]:
    """Whether a user keeps address and number: verified, made by an operator, or still in the time to verify."""
    return or_(User.held_until.is_(None), User.held_until > now)
