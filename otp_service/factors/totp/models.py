"""The table of authenticator apps."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.sealed_columns import sealed
from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model


class TotpAuthenticator(Model):
    """One person's authenticator app. Until it is confirmed it is no factor, and another enrolment replaces it.

    `last_used_step` is the time step of the newest accepted code: no code of this step or an earlier one counts again.
    """

    __tablename__ = "totp_authenticators"
    __table_args__ = (UniqueConstraint("user_id"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    secret: Mapped[str] = mapped_column(String(400), info=sealed("totp_authenticators.secret"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_step: Mapped[int | None] = mapped_column(BigInteger)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
