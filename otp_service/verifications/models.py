"""The verifications and the codes tried on them."""

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, Numeric, SmallInteger, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.sealed_columns import sealed
from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model
from otp_service.verifications.states import ATTEMPTS_PER_CODE, Asker

LONGEST_FAILURE = 200
LONGEST_LABEL = 128


class Verification(Model):
    """One code for one phone. `id` is also the provider's `reference`; `provider_id` is encrypted.

    `provider` is the one that it was started with. `code_hash` is the keyed hash of a code that we made and compare.

    `owner` is `user:17` and no foreign key, so that owners other than users fit (ADR 19). `bound_to` is the challenge
    or the session that the code is for, or the verification of a backend, whose own name for it is `label` (ADR 31).
    `strangers_attempts` are codes that came by name from other networks than `ip`; they are not among the `attempts`.
    `failure` tells operators why no message arrived. `price_due_at` is when a missing price is asked for again.
    `spend_units` is what it counts in the ledger now; NULL for a message from before there was one (ADR 45).
    """

    __tablename__ = "verifications"
    __table_args__ = (
        Index("ix_verifications_owner_created_at", "owner", "created_at"),
        Index("ix_verifications_state_created_at", "state", "created_at"),
        CheckConstraint(f"attempts BETWEEN 0 AND {ATTEMPTS_PER_CODE}", name="attempts_bounded"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    owner: Mapped[str] = mapped_column(String(80))
    bound_to: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    label: Mapped[str | None] = mapped_column(String(LONGEST_LABEL))
    purpose: Mapped[str] = mapped_column(String(20))
    provider: Mapped[str] = mapped_column(String(20), server_default="sinch")
    channel: Mapped[str] = mapped_column(String(10))
    phone_number: Mapped[str] = mapped_column(String(16))
    country: Mapped[str] = mapped_column(String(3))
    ip: Mapped[str] = mapped_column(String(45))
    asker: Mapped[str] = mapped_column(String(7), server_default=Asker.HOLDER)
    provider_id: Mapped[str | None] = mapped_column(String(400), info=sealed("verifications.provider_id"))
    code_hash: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    strangers_attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered: Mapped[str | None] = mapped_column(String(3))
    failure: Mapped[str | None] = mapped_column(String(LONGEST_FAILURE))
    given_back_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    price_amount: Mapped[Decimal | None] = mapped_column(Numeric(12, 4))
    price_currency: Mapped[str | None] = mapped_column(String(3))
    price_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    spend_units: Mapped[int | None] = mapped_column(BigInteger)


class VerificationAttempt(Model):
    """A code that was tried: its keyed hash, and what the provider said about it.

    `open_reports` counts the requests that may have handed it to the provider without learning the response.
    `asker` says whose part of the owner's tries it used.
    """

    __tablename__ = "verification_attempts"

    verification_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("verifications.id", ondelete="CASCADE"), primary_key=True
    )
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(8))
    open_reports: Mapped[int] = mapped_column(Integer, server_default="1")
    asker: Mapped[str] = mapped_column(String(7), server_default=Asker.HOLDER)
    tried_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CountedVerification(Model):
    """What a verification counts in the totals at present: written with them, so that it counts once (ADR 52)."""

    __tablename__ = "counted_verifications"
    __table_args__ = (Index("ix_counted_verifications_at", "at"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(12))
    sent: Mapped[int] = mapped_column(SmallInteger)
    spend: Mapped[int] = mapped_column(BigInteger)
