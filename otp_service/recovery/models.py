"""The table of codes that a reset sends by e-mail."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model

TRIES = 5
"""Codes that may be tried for one reset."""


class RecoveryCode(Model):
    """A code in an e-mail, for the one reset whose code on the phone is `verification_id`."""

    __tablename__ = "recovery_codes"
    __table_args__ = (CheckConstraint(f"attempts BETWEEN 0 AND {TRIES}", name="attempts_bounded"),)

    verification_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
