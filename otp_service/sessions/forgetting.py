"""Deletes sessions that have been over for long."""

from datetime import datetime

from sqlalchemy import delete, or_

from otp_service.core.database.transactions import execute, transaction
from otp_service.sessions.models import Session


def forget(before: datetime) -> int:
    """Delete sessions that were ended, or expired, before a time; how many there were."""
    is_over = or_(Session.ended_at < before, Session.expires_at < before)
    with transaction():
        return int(execute(delete(Session).where(is_over)).rowcount)
