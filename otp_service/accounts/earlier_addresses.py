"""Earlier addresses: for 30 days after a change of address, the old one is notified of what endangers the account."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from otp_service.accounts.models import EarlierAddress
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import rows_about
from otp_service.core.database.transactions import execute, fetch_all

NOTIFIED_FOR = timedelta(days=30)


def record(user_id: int, address: str, *, now: datetime) -> None:
    """Keep the address that a change replaces, in the open transaction."""
    execute(insert(EarlierAddress).values(id=uuid.uuid4(), user_id=user_id, address=address, replaced_at=now))


def of_user(user_id: int, *, now: datetime) -> list[str]:
    """Return the addresses that the user had in the last 30 days, the newest first."""
    is_recent = EarlierAddress.replaced_at > now - NOTIFIED_FOR
    statement = select(EarlierAddress.address).where(EarlierAddress.user_id == user_id, is_recent)
    return [str(row.address) for row in fetch_all(statement.order_by(EarlierAddress.replaced_at.desc()))]


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the user's earlier addresses that are still stored."""
    columns = (EarlierAddress.replaced_at, EarlierAddress.address)
    return rows_about(EarlierAddress.user_id == user_id, *columns)


def forget(before: datetime) -> int:
    """Delete addresses that were replaced before a time; return how many."""
    return delete_in_batches(EarlierAddress, EarlierAddress.replaced_at < before)
