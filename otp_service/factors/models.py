"""The table of default methods."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.extensions import Model


class FactorDefault(Model):
    """The method that a user wants to be asked for first."""

    __tablename__ = "factor_defaults"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    method: Mapped[str] = mapped_column(String(20))
