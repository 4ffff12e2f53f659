"""Forgets messages: old ones, and those of somebody who leaves."""

from datetime import datetime

from sqlalchemy import delete

from otp_service.core.database.transactions import execute, transaction
from otp_service.outbox.models import OutboxMessage
from otp_service.outbox.states import State


def purge(*, before: datetime) -> int:
    """Delete what was sent or given up and was posted before a time; how many there were."""
    is_over = OutboxMessage.state.in_((State.SENT, State.DEAD))
    with transaction():
        return execute(delete(OutboxMessage).where(is_over, OutboxMessage.created_at < before)).rowcount


def forget_user(user_id: int) -> int:
    """Delete every message of a user, those on their way as well; post what tells of the deletion afterwards."""
    with transaction():
        return execute(delete(OutboxMessage).where(OutboxMessage.user_id == user_id)).rowcount
