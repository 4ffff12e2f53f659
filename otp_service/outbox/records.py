"""Reads and writes the table of messages for operators, retention, export and erasure. Reads no sealed value."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, update

from otp_service.core import clock
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection, rows_about
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.outbox.models import OutboxMessage, State


@dataclass(frozen=True, slots=True)
class Record:
    """A message without its sealed values. The fields have the names of the columns."""

    id: UUID
    template: str
    user_id: int | None
    state: str
    attempts: int
    last_error: str | None
    created_at: datetime
    next_try_at: datetime
    sent_at: datetime | None


_RECORDS = Projection(Record, OutboxMessage)


def newest(*, state: State | None = None, limit: int) -> list[Record]:
    """List the newest messages, in one state or in any."""
    statement = _RECORDS.select().order_by(OutboxMessage.created_at.desc(), OutboxMessage.id).limit(limit)
    if state is not None:
        statement = statement.where(OutboxMessage.state == state)
    return _RECORDS.values(fetch_all(statement))


def retry(message_id: UUID) -> bool:
    """Make a message that was given up due at once. Returns False if no such message has this id."""
    return _retry(OutboxMessage.id == message_id) == 1


def retry_dead() -> int:
    """Make every message that was given up due at once, and return their number."""
    return _retry()


def forget(before: datetime) -> int:
    """Delete messages that were sent or given up and were enqueued before a time, and return their number."""
    is_over = OutboxMessage.state.in_((State.SENT, State.DEAD))
    return delete_in_batches(OutboxMessage, is_over, OutboxMessage.created_at < before)


def forget_user(user_id: int) -> int:
    """Delete every message of a user, pending ones included, and return their number.

    Enqueue the message that reports the deletion afterwards.
    """
    with transaction():
        return execute(delete(OutboxMessage).where(OutboxMessage.user_id == user_id)).rowcount


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the messages of a user for the user's data export, without address and content."""
    columns = (
        OutboxMessage.created_at, OutboxMessage.template, OutboxMessage.locale, OutboxMessage.state,
        OutboxMessage.sent_at,
    )  # fmt: skip
    return rows_about(OutboxMessage.user_id == user_id, *columns)


def _retry(*conditions: ColumnElement[bool]) -> int:
    is_dead = OutboxMessage.state == State.DEAD
    values = {"state": State.PENDING, "attempts": 0, "next_try_at": clock.now()}
    with transaction():
        return execute(update(OutboxMessage).where(is_dead, *conditions).values(values)).rowcount
