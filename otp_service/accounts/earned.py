"""What a user earned or asked for before a change of credentials, and how the change voids it (ADR 33).

An intruder may have earned it. So a new password or number, a lock and the like leave none of it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import InstrumentedAttribute

from otp_service import verifications
from otp_service.accounts import links
from otp_service.accounts.models import User
from otp_service.core.database.transactions import execute, fetch_one
from otp_service.core.services import settings

TICK = timedelta(microseconds=1)
"""The least difference of two moments."""

Voider = Callable[[int | None], object]
"""Takes the user's id, or None for all users, and runs in the open transaction of the change."""

_voiders: dict[str, Voider] = {}


def voided_by(kind: str, voider: Voider) -> None:
    """Have `void` call `voider` too: it voids what a package above this one keeps for a user.

    That package calls this when it is imported: the accounts know none of the packages above them (ADR 33).
    """
    _voiders[kind] = voider


def is_user(column: InstrumentedAttribute[Any], user_id: int | None) -> ColumnElement[bool]:
    """Return the condition of a `Voider`: the rows of a user, or with None those of every user."""
    return column.is_not(None) if user_id is None else column == user_id


def void(user_id: int, *, now: datetime, by_operator: bool = False) -> None:
    """Void challenges, codes on their way, pending changes and offers, in the open transaction.

    Call it after the proof that the change itself needs was redeemed. An operator's links that set a password are void
    as well, unless the change is the operator's own. The link that verifies the present address stays.
    """
    void_challenges(user_id, now=now)
    verifications.end_codes(verifications.owner_of_user(user_id))
    links.void_earned(user_id, now=now, by_operator=by_operator)
    for voider in _voiders.values():
        voider(user_id)


def void_of_all(*, now: datetime) -> None:
    """Void codes on their way, pending changes, links that set a password and offers of all users.

    Runs in the open transaction, in which the caller voids the challenges.
    """
    verifications.end_codes_of_users()
    links.void_earned(None, now=now)
    for voider in _voiders.values():
        voider(None)


def void_challenges(user_id: int, *, now: datetime) -> None:
    """Void every challenge issued until `now`, in the open transaction."""
    _void(user_id, User.challenges_void_before, now)


def void_challenges_of_strangers(user_id: int, *, now: datetime) -> None:
    """Void the challenges issued to unknown clients until `now`, in the open transaction."""
    _void(user_id, User.strangers_void_before, now)


def _void(user_id: int, column: InstrumentedAttribute[datetime | None], now: datetime) -> None:
    # Ahead of this machine's clock, for challenges from a machine whose clock is ahead. Never back behind an earlier
    # void, which later sign-ins follow by a tick. So clocks that differ keep no challenge and void none (ADR 28).
    ahead = now + timedelta(seconds=settings().tokens.clock_leeway_seconds)
    row = fetch_one(select(column).where(User.id == user_id).with_for_update(key_share=True))
    moment = ahead if row is None or row[0] is None else max(ahead, row[0] + TICK)
    execute(update(User).where(User.id == user_id).values({column.key: moment}))
