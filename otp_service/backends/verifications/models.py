"""The tables of verifications for backends, and of the requests that may be repeated."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.addresses import IP_LENGTH
from otp_service.core.database.sealed_columns import sealed
from otp_service.core.database.transactions import UtcDateTime
from otp_service.core.phone import E164_LENGTH
from otp_service.core.text import LONGEST_LANGUAGE_TAG
from otp_service.extensions import Model

ATTEMPTS = 5
"""Wrong codes that end a verification, over all its messages."""

LONGEST_KEY = 64
LONGEST_REFERENCE = 128


class Status(StrEnum):
    """How a verification stands, as backends see it."""

    PENDING = "pending"
    APPROVED = "approved"
    FAILED = "failed"  # five wrong codes
    EXPIRED = "expired"
    REPLACED = "replaced"  # a newer code was sent to the number
    CANCELLED = "cancelled"
    UNDELIVERED = "undelivered"  # no message left, or none could be delivered


class AppVerification(Model):
    """One verification of a number for an app. Its messages are rows of `otp_service.verifications`, bound to `id`.

    `owner` is whose messages these are. `approved_by` is the request that the right code came with.
    """

    __tablename__ = "app_verifications"
    __table_args__ = (
        Index("ix_app_verifications_app_id_created_at", "app_id", "created_at"),
        Index("ix_app_verifications_app_id_phone_number", "app_id", "phone_number"),
        Index("ix_app_verifications_app_id_reference", "app_id", "reference"),
        CheckConstraint(f"attempts BETWEEN 0 AND {ATTEMPTS}", name="attempts_bounded"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    app_id: Mapped[int] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"))
    owner: Mapped[str] = mapped_column(String(80))
    phone_number: Mapped[str] = mapped_column(String(E164_LENGTH))
    channel: Mapped[str] = mapped_column(String(10))
    locale: Mapped[str | None] = mapped_column(String(LONGEST_LANGUAGE_TAG))
    reference: Mapped[str | None] = mapped_column(String(LONGEST_REFERENCE))
    client_ip: Mapped[str] = mapped_column(String(IP_LENGTH))
    ttl_seconds: Mapped[int] = mapped_column(Integer)
    attempts: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    approved_by: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AppRequest(Model):
    """One request with an `Idempotency-Key`, and the response to it once that is final.

    `claimed_at` is when a request last began to do it.
    """

    __tablename__ = "app_requests"
    __table_args__ = (
        UniqueConstraint("app_id", "key"),
        Index("ix_app_requests_verification_id", "verification_id"),
        Index("ix_app_requests_created_at", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    app_id: Mapped[int] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(LONGEST_KEY))
    fingerprint: Mapped[str] = mapped_column(String(64))
    verification_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    claimed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[int | None] = mapped_column(Integer)
    media_type: Mapped[str | None] = mapped_column(String(40))
    response: Mapped[str | None] = mapped_column(Text, info=sealed("app_requests.response"))
