"""Reads and writes the table of backup codes; the only place that does."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update

from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, fetch_one
from otp_service.factors.backup_codes.models import BackupCode


@dataclass(frozen=True, slots=True)
class Stored:
    """A code of the user's newest lot."""

    id: uuid.UUID
    code_hash: str
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The user's codes in sum. `created_at` is None for who has none."""

    created_at: datetime | None
    last_used_at: datetime | None
    total: int
    remaining: int


def find(user_id: int, selector: str) -> Stored | None:
    """The user's code that begins so, used or not."""
    is_it = (BackupCode.user_id == user_id) & (BackupCode.selector == selector)
    row = fetch_one(select(BackupCode.id, BackupCode.code_hash, BackupCode.used_at).where(is_it))
    return Stored(*row) if row else None


def standing(user_id: int) -> Standing:
    """When they were made, when one was used last, how many there were and are."""
    row = fetch_one(*_standing(user_id))
    return Standing(*row) if row else Standing(None, None, 0, 0)


@prepared
def _standing(user_id: Given) -> Select[Any]:
    total, used = func.count(), func.count(BackupCode.used_at)
    columns = (func.min(BackupCode.created_at), func.max(BackupCode.used_at), total, total - used)
    return select(*columns).where(BackupCode.user_id == user_id)


def replace(user_id: int, hashes: dict[str, str], *, now: datetime) -> None:
    """Store new ones by their selectors, and delete all before them, in the open transaction."""
    remove(user_id)
    values = [
        {"id": uuid.uuid4(), "user_id": user_id, "selector": selector, "code_hash": code_hash, "created_at": now}
        for selector, code_hash in hashes.items()
    ]
    execute(insert(BackupCode).values(values))


def spend(code_id: uuid.UUID, *, now: datetime) -> bool:
    """Use a code up, in the open transaction; False when it was used, or is no longer there."""
    is_unused = (BackupCode.id == code_id) & BackupCode.used_at.is_(None)
    return bool(execute(update(BackupCode).where(is_unused).values(used_at=now)).rowcount == 1)


def remove(user_id: int) -> int:
    """Delete the user's codes in the open transaction; how many there were."""
    return int(execute(delete(BackupCode).where(BackupCode.user_id == user_id)).rowcount)
