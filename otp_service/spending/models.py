"""The ledger by day, the warnings about it, and the prices that providers billed."""

from datetime import date

from sqlalchemy import BigInteger, Date, Integer, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.extensions import Model

LONGEST_SUBJECT = 60


class SpendDay(Model):
    """What the messages of one UTC day cost, for one subject: `total`, `country:DE`, `people` or `app:shop`.

    Amounts are in units (`money.UNITS`). `spent` is what counts against the cap: what is reserved or billed, without
    what was given back. `strangers` is the part of it that was not for sign-ins. `reserved` and `given_back` only grow;
    `billed` is what providers named. `refused` counts messages that a cap stopped.
    """

    __tablename__ = "spend_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    subject: Mapped[str] = mapped_column(String(LONGEST_SUBJECT), primary_key=True)
    spent: Mapped[int] = mapped_column(BigInteger)
    strangers: Mapped[int] = mapped_column(BigInteger)
    reserved: Mapped[int] = mapped_column(BigInteger)
    billed: Mapped[int] = mapped_column(BigInteger)
    given_back: Mapped[int] = mapped_column(BigInteger)
    messages: Mapped[int] = mapped_column(Integer)
    refused: Mapped[int] = mapped_column(Integer, server_default="0")


class SpendWarning(Model):
    """A step of a cap, in percent, that was reported on a day. `about` is the subject of the row in the ledger."""

    __tablename__ = "spend_warnings"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    about: Mapped[str] = mapped_column(String(LONGEST_SUBJECT), primary_key=True)
    percent: Mapped[int] = mapped_column(SmallInteger, primary_key=True)


class SpendPrice(Model):
    """The most that a provider billed lately for a message to a country by a channel, in units, and since which day."""

    __tablename__ = "spend_prices"

    provider: Mapped[str] = mapped_column(String(20), primary_key=True)
    channel: Mapped[str] = mapped_column(String(10), primary_key=True)
    country: Mapped[str] = mapped_column(String(3), primary_key=True)
    units: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[date] = mapped_column(Date)
