"""What the audit trail stores about a person: for that person, and made unreadable when the person leaves."""

from typing import Any

from sqlalchemy import update

from otp_service.audit.models import AuditEvent
from otp_service.core.database.portable import rows_about
from otp_service.core.database.transactions import execute


def events(user_id: int) -> list[dict[str, Any]]:
    """Everything that happened to the user, oldest first."""
    columns = (AuditEvent.id, AuditEvent.at, AuditEvent.event, AuditEvent.ip, AuditEvent.agent, AuditEvent.facts)
    return rows_about(AuditEvent.user_id == user_id, *columns)


def make_unreadable(user_id: int) -> int:
    """Blank all that tells of the person in the user's events, in the open transaction; how many there are.

    That something happened to an account with this id, and when, stays: no id is given twice.
    """
    blank: dict[str, Any] = {"ip": "", "agent": "", "request_id": None, "facts": {}}
    return int(execute(update(AuditEvent).where(AuditEvent.user_id == user_id).values(blank)).rowcount)
