"""Earlier numbers: for 72 hours after a change of number, a token gives the earlier one back."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select

from otp_service.accounts.models import PhoneChange
from otp_service.core.crypto.secrets import keyring, new_token
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import rows_about
from otp_service.core.database.transactions import execute, fetch_one
from otp_service.sessions.errors import InvalidToken

LIFETIME = timedelta(hours=72)
PAGE = "undo-phone-change"
_PURPOSE = "undo of a phone change"


@dataclass(frozen=True, slots=True)
class Change:
    """A change that can be undone, with the number from before it."""

    id: uuid.UUID
    user_id: int
    earlier_number: str
    created_at: datetime


def record(user_id: int, earlier_number: str, *, now: datetime) -> str:
    """Store the earlier number of a change, in the open transaction; return the token that undoes the change.

    Tokens of earlier changes stay valid: an intruder's second change must not disarm the owner's first link.
    """
    change_id, token = uuid.uuid4(), new_token("lk")
    execute(
        insert(PhoneChange).values(
            id=change_id,
            user_id=user_id,
            token_hash=keyring().digest(token, purpose=_PURPOSE),
            # Encrypted, not hashed: an undo needs the number itself.
            sealed_number=keyring().seal(earlier_number, context=_context(change_id)),
            created_at=now,
            expires_at=now + LIFETIME,
        )
    )
    return token


def get(token: str, *, now: datetime) -> Change:
    """Return the change that a token undoes.

    Raises InvalidToken if it is unknown, used or expired, or if an earlier change has been undone.
    """
    is_named = PhoneChange.token_hash.in_(keyring().digests(token, purpose=_PURPOSE))
    columns = (PhoneChange.id, PhoneChange.user_id, PhoneChange.sealed_number, PhoneChange.created_at)
    row = fetch_one(select(*columns).where(is_named, PhoneChange.expires_at > now))
    if row is None:
        raise InvalidToken
    return Change(row.id, row.user_id, _open(row.id, row.sealed_number), row.created_at)


def close(change: Change) -> None:
    """Spend the token of a change and of all later changes, which are undone with it, in the undo's transaction.

    Raises InvalidToken if another request was faster.
    """
    # A token works once: of parallel undos, the one that deletes the row wins (ADR 3).
    if execute(delete(PhoneChange).where(PhoneChange.id == change.id)).rowcount != 1:
        raise InvalidToken
    is_later = (PhoneChange.user_id == change.user_id) & (PhoneChange.created_at >= change.created_at)
    execute(delete(PhoneChange).where(is_later))


def close_all(user_id: int) -> None:
    """Make all of the user's changes final, in the open transaction: an operator has set the number."""
    execute(delete(PhoneChange).where(PhoneChange.user_id == user_id))


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the user's changes that can still be undone, with the earlier numbers."""
    rows = rows_about(PhoneChange.user_id == user_id, PhoneChange.created_at, PhoneChange.id, PhoneChange.expires_at)
    return [{**row, "earlierNumber": _earlier_number(row["id"])} for row in rows]


def forget(before: datetime) -> int:
    """Delete changes, with their numbers, that could be undone until a time; return how many."""
    return delete_in_batches(PhoneChange, PhoneChange.expires_at <= before)


def _earlier_number(change_id: uuid.UUID) -> str:
    row = fetch_one(select(PhoneChange.sealed_number).where(PhoneChange.id == change_id))
    return _open(change_id, row.sealed_number) if row else ""


def _open(change_id: uuid.UUID, sealed_number: str) -> str:
    return keyring().open(sealed_number, context=_context(change_id))


def _context(change_id: uuid.UUID) -> str:
    return f"phone_changes.sealed_number:{change_id}"
