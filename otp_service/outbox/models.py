"""The table of e-mails on their way, and the states of a message.

pending --accepted by the mail server--> sent
   |  ^--transient failure--' (tried again after a growing pause)
   '--permanent failure, or 8 tries--> dead --flask outbox retry--> pending
"""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Integer, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.sealed_columns import sealed
from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model


class State(StrEnum):
    """The state of a message."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"


class OutboxMessage(Model):
    """One e-mail to one address; the address and the template's values are encrypted.

    Both are erased when a mail server has accepted the message. `user_id` is no foreign key: the message that reports
    a deletion outlives the user. While a worker holds the message, `next_try_at` is the end of its lease.
    """

    __tablename__ = "outbox_messages"
    __table_args__ = (Index("ix_outbox_messages_state_next_try_at", "state", "next_try_at"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    template: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[int | None] = mapped_column(Integer, index=True)
    locale: Mapped[str | None] = mapped_column(String(35))
    sealed_to: Mapped[str | None] = mapped_column(Text, info=sealed("outbox_messages.to"))
    sealed_values: Mapped[str | None] = mapped_column(Text, info=sealed("outbox_messages.values"))
    message_id: Mapped[str] = mapped_column(String(320))
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
