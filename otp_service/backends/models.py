"""The tables of apps and their keys."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Integer, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model


class App(Model):
    """One backend, as the operator named it. `scopes` are words separated by blanks.
    `spend_per_day` is in SPEND_CURRENCY.

    Ids are never reused, on SQLite either: what belongs to a deleted app must not become another app's.
    """

    __tablename__ = "apps"
    __table_args__ = (UniqueConstraint("name"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    scopes: Mapped[str] = mapped_column(String(200))
    sends_per_day: Mapped[int | None] = mapped_column(Integer)
    spend_per_day: Mapped[Decimal | None] = mapped_column(Numeric(12, 4))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AppKey(Model):
    """One key of an app. `id` is the part of the key that finds the row; `secret_hash` is the keyed hash of the rest.

    `slot` is 1 or 2: an app has two keys at most, whichever requests come together (ADR 30).
    """

    __tablename__ = "app_keys"
    __table_args__ = (UniqueConstraint("app_id", "slot"),)

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    app_id: Mapped[int] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"))
    slot: Mapped[int] = mapped_column(Integer)
    secret_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
