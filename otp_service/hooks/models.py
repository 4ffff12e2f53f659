"""The tables of hooks: the URLs that get events, the messages to them, and how far the audit trail has been read.

pending --2xx--> delivered
   |  ^--any other outcome--' (tried again after a growing pause, for 3 days)
   '--3 days are over, or 410--> dead --flask hooks redeliver--> pending
"""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.sealed_columns import sealed
from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model

CURSOR = 1
"""The key of the one row of HookCursor."""

LONGEST_ERROR = 60
LONGEST_HOST = 255


class State(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class Hook(Model):
    """A URL of another service, and the events that it gets. URL and secrets are encrypted: both open doors.

    `events` are types, or patterns such as `session.*`. With `app`, it gets only that app's events. It gets no event
    up to `after_event_id`, the newest one when it was added or enabled. `failures` counts those in a row, since
    `failing_since`; until `paused_until` nothing is sent to it.
    """

    __tablename__ = "hooks"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    host: Mapped[str] = mapped_column(String(LONGEST_HOST))
    sealed_url: Mapped[str] = mapped_column(Text, info=sealed("hooks.url"))
    sealed_secret: Mapped[str] = mapped_column(Text, info=sealed("hooks.secret"))
    sealed_earlier_secret: Mapped[str | None] = mapped_column(Text, info=sealed("hooks.earlier_secret"))
    earlier_secret_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    events: Mapped[list[Any]] = mapped_column(JSON)
    app: Mapped[str | None] = mapped_column(String(64))
    has_numbers: Mapped[bool] = mapped_column(Boolean)
    after_event_id: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_because: Mapped[str | None] = mapped_column(String(LONGEST_ERROR))
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class HookDelivery(Model):
    """One event on its way to one hook. `id` is its `webhook-id`; its content is read from the audit trail.

    `event_id` is the audit event's, and no foreign key. While a worker sends it, `claimed_until` is the end of the
    worker's lease. A failure at `give_up_at` or later is the last one.
    """

    __tablename__ = "hook_deliveries"
    __table_args__ = (
        UniqueConstraint("hook_id", "event_id", "type"),
        Index("ix_hook_deliveries_due", "hook_id", "state", "next_try_at", "event_id"),
        Index("ix_hook_deliveries_state_created_at", "state", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    hook_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("hooks.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    give_up_at: Mapped[datetime] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(String(LONGEST_ERROR))


class HookCursor(Model):
    """How far the audit trail has been read: one row, once a hook was added.

    All events up to `read_up_to` were seen, except those in `gaps`: ids that are missing, and may still be committed.
    A gap is a list of its first id, its last id and the time since which it is known.
    """

    __tablename__ = "hook_cursors"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    read_up_to: Mapped[int] = mapped_column(BigInteger)
    gaps: Mapped[list[Any]] = mapped_column(JSON)
