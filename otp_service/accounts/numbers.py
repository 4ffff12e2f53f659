"""Whom a number belongs to: whoever proved it last. A proof takes it from everybody else, and gives nothing with it."""

from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Row, Select, Update, select, update

from otp_service import audit
from otp_service.accounts import notices, number_undos, registrations, users
from otp_service.accounts.errors import PhoneNumberTaken, UserNotFound
from otp_service.accounts.models import User
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.database.prepared import Given, prepared
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction, wait_for_turn


class Outcome(Enum):
    """What a proof did."""

    KNOWN = "it was proven before"
    TAKEN = "from now on it is the user's"
    REFUSED = "it is not the user's number any more"


def prove(user_id: int, *, phone_number: str, now: datetime, replaces: bool = False) -> Outcome:
    """Note that the user proved `phone_number`; with `replaces` it becomes the user's number, whatever that was.

    Runs in the open transaction, before which no user is held who has not proven the number (see `queue`). A proven
    account that had the number keeps all but the number and what was on its way there; a registration that had not
    proven it is gone, since it may have been made to wait for this moment.
    """
    if _is_known(user_id, phone_number):
        return Outcome.KNOWN
    wait_for_turn(phone_number)
    mine, others = _hold(user_id, phone_number)
    if mine is None or (mine.phone_number != phone_number and not replaces):
        return Outcome.REFUSED
    for other in others:
        _dispossess(other, phone_number, now)
    _give(user_id, phone_number=phone_number, phone_verified_at=now, held_until=None)
    return Outcome.TAKEN


def restore(user_id: int, *, phone_number: str, now: datetime) -> None:
    """Give the user an earlier, proven number back, in the open transaction. Raises PhoneNumberTaken, UserNotFound.

    Only a proof since stands against it; who just holds the number gives way, as to a proof.
    """
    wait_for_turn(phone_number)
    _, others = _hold(user_id, phone_number)
    if any(other.phone_verified_at is not None for other in others):
        raise PhoneNumberTaken
    for other in others:
        _dispossess(other, phone_number, now)
    proven = {"phone_verified_at": now, "held_until": None, "challenges_void_before": now}
    _give(user_id, phone_number=phone_number, **proven)


def queue(account: Account) -> None:
    """Wait for others that prove the number of an account without a proven one, before the open transaction holds it.

    Else two that prove one number could wait for each other: one has the account, the other the turn.
    """
    if account.phone_number is not None and not account.is_verified:
        wait_for_turn(account.phone_number)


def set_by_operator(user_id: int, phone_number: str, *, is_verified: bool) -> Account:
    """Give the user another number on an operator's word. Raises PhoneNumberTaken, UserNotFound.

    The codes on their way to the earlier number are the caller's to end.
    """
    now = clock.now()
    with transaction():
        wait_for_turn(phone_number)
        registrations.release_held(User.phone_number == phone_number, now=now)
        _refuse_held(user_id, phone_number)
        proven = {"phone_verified_at": now, "held_until": None} if is_verified else {"phone_verified_at": None}
        _give(user_id, phone_number=phone_number, challenges_void_before=now, **proven)
        number_undos.close_all(user_id)
        facts = {"verified": is_verified}
        audit.record("phone.set_by_operator", user_id=user_id, client=audit.COMMAND_LINE, at=now, **facts)
        notices.notify(user_id, "phone_changed", now=now, phone_number=phone_number)
        return users.get(user_id)


def verify_by_operator(user_id: int) -> Account:
    """Take the number as proven on an operator's word. Raises PhoneNumberMissing, PhoneNumberTaken, UserNotFound."""
    now = clock.now()
    with transaction():
        phone_number = users.get(user_id).reachable_number()
        wait_for_turn(phone_number)
        _refuse_held(user_id, phone_number)
        _give(user_id, phone_number=phone_number, phone_verified_at=now, held_until=None)
        audit.record("user.verified_by_operator", user_id=user_id, client=audit.COMMAND_LINE, at=now)
        return users.get(user_id)


def _is_known(user_id: int, phone_number: str) -> bool:
    """Whether the user holds the number proven already, and then until the open transaction ends."""
    return fetch_one(*_proven(user_id, phone_number)) is not None


@prepared
def _proven(user_id: Given, phone_number: Given) -> Select[Any]:
    is_theirs = (User.id == user_id) & (User.phone_number == phone_number) & User.holds_number
    statement = select(User.id).where(is_theirs, User.phone_verified_at.is_not(None))
    return statement.with_for_update(key_share=True)


def _hold(user_id: int, phone_number: str) -> tuple[Row[Any] | None, list[Row[Any]]]:
    """The user's row, and those of all others with the number, locked in the one order that all take."""
    rows = fetch_all(*_concerned(user_id, phone_number))
    mine = next((row for row in rows if row.id == user_id), None)
    return mine, [row for row in rows if row.id != user_id]


@prepared
def _concerned(user_id: Given, phone_number: Given) -> Select[Any]:
    columns = (User.id, User.phone_number, User.phone_verified_at, User.held_until)
    is_concerned = (User.id == user_id) | (User.phone_number == phone_number)
    return select(*columns).where(is_concerned).order_by(User.id).with_for_update()


def _dispossess(other: Row[Any], phone_number: str, now: datetime) -> None:
    if other.held_until is not None:
        registrations.release(User.id == other.id, now=now)
        return
    values = {
        "phone_number": None,
        "holds_number": False,
        "phone_verified_at": None,
        "challenges_void_before": now,
    }
    execute(update(User).where(User.id == other.id).values(values))
    audit.record("phone.lost", user_id=other.id, client=audit.SERVICE, at=now)  # by whom is nobody's business
    notices.notify(other.id, "number_lost", now=now, phone_number=phone_number)


def _refuse_held(user_id: int, phone_number: str) -> None:
    holder = users.find_by_phone_number(phone_number)
    if holder is not None and holder.id != user_id:
        raise PhoneNumberTaken


def _give(user_id: int, **values: Any) -> None:
    if execute(*_of_id(user_id, holds_number=True, **values)).rowcount != 1:
        raise UserNotFound


@prepared
def _of_id(user_id: Given) -> Update:
    return update(User).where(User.id == user_id)
