"""A phone number belongs to the account that verified it last.

Verifying a number takes it from any other account and transfers nothing else (ADR 17).
"""

from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Row, Select, Update, select, update

from otp_service import audit, sessions
from otp_service.accounts import earlier_numbers, earned, notices, registrations, users
from otp_service.accounts.errors import PhoneNumberTaken, UserNotFound
from otp_service.accounts.models import User
from otp_service.accounts.users import Account
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction, wait_for_turn
from otp_service.core.web.tracing import ClientInfo
from otp_service.providers import Channel

AMR = {Channel.SMS: "sms", Channel.WHATSAPP: "sms", Channel.CALLOUT: "tel", Channel.FLASHCALL: "tel"}
"""The RFC 8176 value for each channel. It has none for messengers: like SMS, they verify no more than the number."""


class Outcome(Enum):
    """The result of `verify`."""

    KNOWN = "the user had verified it before"
    TAKEN = "it is the user's from now on"
    REFUSED = "the user has another number now, or is locked by an operator"


def verify(user_id: int, *, phone_number: str, now: datetime, replaces: bool = False) -> Outcome:
    """Record that the user verified a number. With `replaces` it becomes the user's number whatever that was before.

    Runs in the open transaction, which must not hold a user without a verified number yet (see `queue`). A verified
    account that had the number loses it and the codes on their way to it. A registration that had it is deleted.
    """
    if _is_known(user_id, phone_number):
        return Outcome.KNOWN  # every sign-in by code comes here: no lock on the number, one statement
    # Accounts that verify the same number at once go one after another; the last one has it (ADR 17).
    wait_for_turn(phone_number)
    mine, others = _hold(user_id, phone_number)
    if mine is None or mine.locked_at is not None or (mine.phone_number != phone_number and not replaces):
        return Outcome.REFUSED
    for other in others:
        _dispossess(other, phone_number, now)
    _give(user_id, phone_number=phone_number, phone_verified_at=now, held_until=None)
    return Outcome.TAKEN


def restore(user_id: int, *, phone_number: str, now: datetime) -> None:
    """Give the user an earlier number back as verified, in the open transaction.

    Raises PhoneNumberTaken if another account has verified it since, UserNotFound. An account that holds it without
    having verified it loses it.
    """
    wait_for_turn(phone_number)
    _, others = _hold(user_id, phone_number)
    if any(other.phone_verified_at is not None for other in others):
        raise PhoneNumberTaken
    for other in others:
        _dispossess(other, phone_number, now)
    _give(user_id, phone_number=phone_number, phone_verified_at=now, held_until=None)
    earned.void(user_id, now=now)


def queue(account: Account) -> None:
    """Take the turn of an unverified account's number before the open transaction locks the account.

    Call it before `users.find_and_hold` wherever a code may be redeemed afterwards. Two sign-ins that verify one number
    would deadlock otherwise: one holds the account and waits for the turn, the other has the turn and waits for the
    account (ADR 17).
    """
    if account.phone_number is not None and not account.is_verified:
        wait_for_turn(account.phone_number)


def set_by_operator(
    user_id: int, phone_number: str, *, is_verified: bool, client: ClientInfo = COMMAND_LINE
) -> Account:
    """Give the user another number. Raises PhoneNumberTaken, UserNotFound.

    The caller voids what was earned before.
    """
    now = clock.now()
    with transaction():
        wait_for_turn(phone_number)
        registrations.release_held(User.phone_number == phone_number, now=now)
        _refuse_held(user_id, phone_number)
        verified = {"phone_verified_at": now, "held_until": None} if is_verified else {"phone_verified_at": None}
        _give(user_id, phone_number=phone_number, **verified)
        earlier_numbers.close_all(user_id)
        audit.record("phone.set_by_operator", user_id=user_id, client=client, at=now, verified=is_verified)
        notices.notify(user_id, "phone_changed", now=now, phone_number=phone_number)
        return users.get(user_id)


def verify_by_operator(user_id: int, *, client: ClientInfo = COMMAND_LINE) -> Account:
    """Mark the number as verified. Raises PhoneNumberMissing, PhoneNumberTaken, UserNotFound."""
    now = clock.now()
    with transaction():
        phone_number = users.get(user_id).reachable_number()
        wait_for_turn(phone_number)
        _refuse_held(user_id, phone_number)
        _give(user_id, phone_number=phone_number, phone_verified_at=now, held_until=None)
        audit.record("user.verified_by_operator", user_id=user_id, client=client, at=now)
        return users.get(user_id)


def _is_known(user_id: int, phone_number: str) -> bool:
    """Whether the user holds the number as verified; locks the user until the open transaction ends if so."""
    held = users.held_by_transaction(user_id)
    if held is not None and held.is_verified and held.holds_number and held.phone_number == phone_number:
        return True
    return fetch_one(*_verified(user_id, phone_number)) is not None


@prepared
def _verified(user_id: Given, phone_number: Given) -> Select[Any]:
    is_theirs = (User.id == user_id) & (User.phone_number == phone_number) & User.holds_number
    statement = select(User.id).where(is_theirs, User.phone_verified_at.is_not(None), User.locked_at.is_(None))
    return statement.with_for_update(key_share=True)


def _hold(user_id: int, phone_number: str) -> tuple[Row[Any] | None, list[Row[Any]]]:
    """Return the user's row and those of all others with the number, locked."""
    rows = fetch_all(*_concerned(user_id, phone_number))
    mine = next((row for row in rows if row.id == user_id), None)
    return mine, [row for row in rows if row.id != user_id]


@prepared
def _concerned(user_id: Given, phone_number: Given) -> Select[Any]:
    columns = (User.id, User.phone_number, User.phone_verified_at, User.held_until, User.locked_at)
    is_concerned = (User.id == user_id) | (User.phone_number == phone_number)
    # Ordered by id: every transaction locks several users in the same order, which avoids a deadlock.
    return select(*columns).where(is_concerned).order_by(User.id).with_for_update()


def _dispossess(other: Row[Any], phone_number: str, now: datetime) -> None:
    if other.held_until is not None:
        # A registration that never verified the number may have been made to wait for its owner: keep none of it.
        registrations.release(User.id == other.id, now=now)
        return
    values = {
        "phone_number": None,
        "holds_number": False,
        "phone_verified_at": None,
    }
    execute(update(User).where(User.id == other.id).values(values))
    earned.void(other.id, now=now)
    # No session keeps a level that the number gave it. The sessions themselves stay: for an account without a second
    # factor they are the way to another number (ADR 33).
    sessions.forget_methods(other.id, frozenset(AMR.values()), now=now)
    # Recorded without a client: its former owner reads this event and must not learn who has the number now.
    audit.record("phone.lost", user_id=other.id, client=audit.SERVICE, at=now)
    notices.notify(other.id, "number_lost", now=now, phone_number=phone_number)


def _refuse_held(user_id: int, phone_number: str) -> None:
    """Raise PhoneNumberTaken if another user holds the number: an operator takes a number from no account."""
    holder = users.find_by_phone_number(phone_number)
    if holder is not None and holder.id != user_id:
        raise PhoneNumberTaken


def _give(user_id: int, **values: Any) -> None:
    if execute(*_of_id(user_id, holds_number=True, **values)).rowcount != 1:
        raise UserNotFound


@prepared
def _of_id(user_id: Given) -> Update:
    return update(User).where(User.id == user_id)
