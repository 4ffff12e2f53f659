"""The content of a message: encrypted while it waits, opened to send it or to show it in development."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, select

from otp_service import mail
from otp_service.core.crypto.secrets import Unreadable, keyring
from otp_service.core.database.transactions import fetch_all
from otp_service.core.services import settings
from otp_service.mail import Message
from otp_service.outbox.models import OutboxMessage


@dataclass(frozen=True, slots=True)
class Opened:
    """A message as its recipient would see it, with its state."""

    id: UUID
    template: str
    state: str
    created_at: datetime
    message: Message


def seal_address(message_id: UUID, address: str) -> str:
    """Encrypt the address of the recipient."""
    # The context binds a value to its column and row: copied into another row, it cannot be decrypted.
    return keyring().seal(address, context=f"outbox_messages.to:{message_id}")


def seal_values(message_id: UUID, values: dict[str, Any]) -> str:
    """Encrypt the values of a template. Times become texts (ISO 8601)."""
    return keyring().seal(orjson.dumps(values).decode(), context=f"outbox_messages.values:{message_id}")


def render(row: Row[Any]) -> Message:
    """Decrypt a row of the outbox and render its message.

    Raises Unreadable when no key in ENCRYPTION_KEY decrypts it, ValueError when its values do not fit its template.
    """
    return mail.render(
        row.template,
        orjson.loads(keyring().open(row.sealed_values or "", context=f"outbox_messages.values:{row.id}")),
        to=keyring().open(row.sealed_to or "", context=f"outbox_messages.to:{row.id}"),
        locale=row.locale,
        message_id=row.message_id,
        service=settings().server.service_name,
    )


def read(*, limit: int) -> list[Opened]:
    """List the newest messages that still have content and can be decrypted. Only the page of development does."""
    columns = OutboxMessage.__table__.columns
    has_content = OutboxMessage.sealed_values.is_not(None) & OutboxMessage.sealed_to.is_not(None)
    newest = select(*columns).where(has_content).order_by(OutboxMessage.created_at.desc(), OutboxMessage.id)
    found = []
    for row in fetch_all(newest.limit(limit)):
        try:
            found.append(Opened(row.id, row.template, row.state, row.created_at, render(row)))
        except (Unreadable, ValueError):
            continue  # sealed with a key that is gone, or enqueued by a version whose template took other values
    return found
