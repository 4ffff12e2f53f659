"""The way back after a change of number: for 72 hours its token gives the earlier number back."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select

from otp_service.accounts.models import PhoneChange
from otp_service.core.crypto.secrets import keyring, new_token
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.sessions.errors import InvalidToken

LIFETIME = timedelta(hours=72)
PAGE = "undo-phone-change"
_PURPOSE = "undo of a phone change"


@dataclass(frozen=True, slots=True)
class Change:
    """A change that can be undone, and the number from before it."""

    id: uuid.UUID
    user_id: int
    earlier_number: str
    created_at: datetime


def open_way_back(user_id: int, earlier_number: str, *, now: datetime) -> str:
    """Note in the open transaction which number was changed away; returns the token. Earlier tokens stay good."""
    change_id, token = uuid.uuid4(), new_token("lk")
    execute(
        insert(PhoneChange).values(
            id=change_id,
            user_id=user_id,
            token_hash=keyring().digest(token, purpose=_PURPOSE),
            sealed_number=keyring().seal(earlier_number, context=_context(change_id)),
            created_at=now,
            expires_at=now + LIFETIME,
        )
    )
    return token


def get(token: str, *, now: datetime) -> Change:
    """The change that the token undoes. Raises InvalidToken: unknown, used, too old, or a later undo went further."""
    is_named = PhoneChange.token_hash.in_(keyring().digests(token, purpose=_PURPOSE))
    columns = (PhoneChange.id, PhoneChange.user_id, PhoneChange.sealed_number, PhoneChange.created_at)
    row = fetch_one(select(*columns).where(is_named, PhoneChange.expires_at > now))
    if row is None:
        raise InvalidToken
    return Change(row.id, row.user_id, keyring().open(row.sealed_number, context=_context(row.id)), row.created_at)


def close(change: Change) -> None:
    """Use the token up, in the transaction of the undo, with those of all later changes: they are undone as well.

    Raises InvalidToken when another was faster.
    """
    if execute(delete(PhoneChange).where(PhoneChange.id == change.id)).rowcount != 1:
        raise InvalidToken
    is_later = (PhoneChange.user_id == change.user_id) & (PhoneChange.created_at >= change.created_at)
    execute(delete(PhoneChange).where(is_later))


def close_all(user_id: int) -> None:
    """Let no change of the user's be undone any more, in the open transaction: an operator has decided."""
    execute(delete(PhoneChange).where(PhoneChange.user_id == user_id))


def earlier_number(change_id: uuid.UUID) -> str:
    """The number from before a change."""
    row = fetch_one(select(PhoneChange.sealed_number).where(PhoneChange.id == change_id))
    return keyring().open(row.sealed_number, context=_context(change_id)) if row else ""


def forget(before: datetime) -> int:
    """Delete changes that could be undone until a time, and the numbers with them; how many there were."""
    with transaction():
        return int(execute(delete(PhoneChange).where(PhoneChange.expires_at <= before)).rowcount)


def _context(change_id: uuid.UUID) -> str:
    return f"phone_changes.sealed_number:{change_id}"
