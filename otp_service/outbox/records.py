"""What an operator may see of messages, and the second chance for those given up. No address, no content."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select, update

from otp_service.core import clock
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.outbox.models import OutboxMessage
from otp_service.outbox.states import State


@dataclass(frozen=True, slots=True)
class Record:
    """A message without what is sealed."""

    id: UUID
    template: str
    user_id: int | None
    state: str
    attempts: int
    last_error: str | None
    created_at: datetime
    next_try_at: datetime
    sent_at: datetime | None


_COLUMNS = [getattr(OutboxMessage, name) for name in Record.__dataclass_fields__]


def newest(*, state: State | None = None, limit: int) -> list[Record]:
    """The newest messages, in one state or in any."""
    statement = select(*_COLUMNS).order_by(OutboxMessage.created_at.desc(), OutboxMessage.id).limit(limit)
    if state is not None:
        statement = statement.where(OutboxMessage.state == state)
    return [Record(*row) for row in fetch_all(statement)]


def retry(message_id: UUID) -> bool:
    """Have a message that is dead tried anew, at once; False when there is none with this id."""
    return _retry(OutboxMessage.id == message_id) == 1


def retry_dead() -> int:
    """Have every message that is dead tried anew, at once; how many there were."""
    return _retry()


def _retry(*conditions: ColumnElement[bool]) -> int:
    is_dead = OutboxMessage.state == State.DEAD
    values = {"state": State.PENDING, "attempts": 0, "next_try_at": clock.now()}
    with transaction():
        return execute(update(OutboxMessage).where(is_dead, *conditions).values(values)).rowcount
