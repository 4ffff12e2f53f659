"""The table of sessions."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model


class Session(Model):
    """One sign-in on one device, and its family of refresh tokens (ADR 8).

    `refresh_hash` is the keyed hash of the family's first token. `generation` is the live one, since `rotated_at`.
    `minute_generation` was the live one at `minute_started_at`; the difference counts the refreshes in this minute.
    `network` is that of the sign-in; `ip` changes with each refresh.
    """

    __tablename__ = "sessions"
    __table_args__ = (UniqueConstraint("refresh_hash"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    refresh_hash: Mapped[str] = mapped_column(String(64))
    generation: Mapped[int] = mapped_column(Integer, server_default="0")
    rotated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    minute_started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    minute_generation: Mapped[int] = mapped_column(Integer, server_default="0")
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    amr: Mapped[str] = mapped_column(String(60))
    acr: Mapped[str] = mapped_column(String(10))
    authenticated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    network: Mapped[str | None] = mapped_column(String(50))
    ip: Mapped[str] = mapped_column(String(45))
    agent: Mapped[str] = mapped_column(String(200))
