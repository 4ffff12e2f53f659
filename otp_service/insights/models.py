"""The totals by hour and by day, and how far the last pass came."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model

HOUR, DAY, HOUR_BY_PREFIX, DAY_BY_PREFIX = "h", "d", "hp", "dp"
PASSES = 1
"""The id of the only row of InsightPass."""


class InsightTotal(Model):
    """What was sent in one hour or one UTC day (`grain`), and what became of it. `spend` is in units of the ledger.

    `owner` is `people` or `app:shop`. `prefix` is the country code and the next four digits, in the grains that tell
    prefixes apart; in the others it is empty, so that most questions read few rows.
    """

    __tablename__ = "insight_totals"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - how SQLAlchemy wants it

    grain: Mapped[str] = mapped_column(String(2), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    country: Mapped[str] = mapped_column(String(3), primary_key=True)
    prefix: Mapped[str] = mapped_column(String(8), primary_key=True)
    channel: Mapped[str] = mapped_column(String(10), primary_key=True)
    provider: Mapped[str] = mapped_column(String(20), primary_key=True)
    owner: Mapped[str] = mapped_column(String(80), primary_key=True)
    sends: Mapped[int] = mapped_column(BigInteger)
    verified: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)
    expired: Mapped[int] = mapped_column(BigInteger)
    superseded: Mapped[int] = mapped_column(BigInteger)
    undelivered: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    blocked: Mapped[int] = mapped_column(BigInteger)
    spend: Mapped[int] = mapped_column(BigInteger)


class InsightPass(Model):
    """How far the present pass over older verifications came, when the passes last began, and which refusals count."""

    __tablename__ = "insight_passes"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    folded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    refusals_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    short_began_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    whole_began_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
