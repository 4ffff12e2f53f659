"""Opens messages for people to read: only the page of development does."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from otp_service.core.crypto.secrets import Unreadable
from otp_service.core.database.transactions import fetch_all
from otp_service.mail import Message
from otp_service.outbox.delivering import written
from otp_service.outbox.models import OutboxMessage


@dataclass(frozen=True, slots=True)
class Opened:
    """A message as its reader would see it, with where it stands."""

    id: UUID
    template: str
    state: str
    posted_at: datetime
    message: Message


def read(*, limit: int) -> list[Opened]:
    """The newest messages whose content is still there and can be decrypted."""
    columns = OutboxMessage.__table__.columns
    has_content = OutboxMessage.sealed_values.is_not(None) & OutboxMessage.sealed_to.is_not(None)
    newest = select(*columns).where(has_content).order_by(OutboxMessage.created_at.desc(), OutboxMessage.id)
    found = []
    for row in fetch_all(newest.limit(limit)):
        try:
            found.append(Opened(row.id, row.template, row.state, row.created_at, written(row)))
        except (Unreadable, ValueError):  # other keys, or values of an earlier version's template
            continue
    return found
