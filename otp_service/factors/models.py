"""The tables that all factors share: default methods, failed tries, and removals that wait."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.allowances import WindowParts
from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model


class FactorDefault(Model):
    """The method that a sign-in of the user asks for first."""

    __tablename__ = "factor_defaults"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    method: Mapped[str] = mapped_column(String(20))


class FactorThrottle(WindowParts, Model):
    """The tries of one authenticator of an account: since its last success, and in the current hour."""

    __tablename__ = "factor_throttles"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    authenticator: Mapped[str] = mapped_column(String(40), primary_key=True)
    in_a_row: Mapped[int] = mapped_column(Integer)
    in_window: Mapped[int] = mapped_column(Integer)
    window_started_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FactorRemoval(Model):
    """A removal that waits until `effective_at`; the token of its notice cancels it.

    The authenticator has no foreign key: its table belongs to its factor. A row whose authenticator is gone already is
    deleted when its time comes.
    """

    __tablename__ = "factor_removals"
    __table_args__ = (UniqueConstraint("authenticator_id"), UniqueConstraint("token_hash"))

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    authenticator_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    token_hash: Mapped[str] = mapped_column(String(64))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    effective_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
