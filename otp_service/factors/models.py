"""The tables that all factors share: default methods and failed tries."""

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String
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
