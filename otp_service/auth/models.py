"""The table of challenges."""

import uuid
from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, SmallInteger, String, UniqueConstraint, Uuid, false
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model


class Challenge(Model):
    """A right password that waits for its second factor. `is_known`: the account knew the client that sent it.

    `address_hash` says where that client was (see `origins`). `needs` is the least strength of the second factor, where
    the sign-in is unusual.
    """

    __tablename__ = "challenges"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    is_known: Mapped[bool] = mapped_column(Boolean, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    adopted_code: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    address_hash: Mapped[str | None] = mapped_column(String(64))
    needs: Mapped[int | None] = mapped_column(SmallInteger)


class ChallengeOrigin(Model):
    """Where a right password came from, as keyed hashes of device and address. It ends with the challenge."""

    __tablename__ = "challenge_origins"
    __table_args__ = (
        Index("ix_challenge_origins_device_hash_created_at", "device_hash", "created_at"),
        Index("ix_challenge_origins_address_hash_created_at", "address_hash", "created_at"),
    )

    challenge_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("challenges.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer)
    device_hash: Mapped[str] = mapped_column(String(64))
    address_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
