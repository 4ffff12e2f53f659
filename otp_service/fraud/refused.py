"""Reads the refusals of ended minutes, for totals (ADR 52)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import fetch_all
from otp_service.fraud.models import FraudSend
from otp_service.fraud.sends import first_number_of


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often messages to a block of 1,000 numbers were refused: by the guard, or by an operator's rule.

    `number` is the first one of the block.
    """

    at: datetime
    number: str
    channel: str
    is_blocked: bool
    times: int


def refused_between(start: datetime, end: datetime) -> list[Refusals]:
    """Return the refusals of a span. Those of a minute share rows, which change no more once the minute is over."""
    return [
        Refusals(row.at, first_number_of(row.block), row.channel, row.key is not None, row.times)
        for row in fetch_all(*_between(start, end))
    ]


def oldest_refusal(after: datetime) -> datetime | None:
    """Return when the first refusal after a time was; None without any."""
    is_it = (FraudSend.at >= after) & FraudSend.was_sent.is_(False)
    at: datetime | None = fetch_all(select(func.min(FraudSend.at, type_=FraudSend.at.type)).where(is_it))[0][0]
    return at


@prepared
def _between(start: Given, end: Given) -> Select[Any]:
    columns = (FraudSend.at, FraudSend.block, FraudSend.channel, FraudSend.key, FraudSend.times)
    return select(*columns).where(FraudSend.at >= start, FraudSend.at < end, FraudSend.was_sent.is_(False))
