"""Reads what the guard saw: for a replay with other rules, and what refusals have saved."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, or_, select

from otp_service.core.database.transactions import fetch_all
from otp_service.fraud.models import FraudSend
from otp_service.fraud.sends import Outcome, pseudonym


@dataclass(frozen=True, slots=True)
class Past:
    """A send or refusals as the history has them; `number` is a pseudonym in the same block of 1,000."""

    at: datetime
    number: str
    ip: str
    channel: str
    price: Decimal
    decision: str
    was_sent: bool
    times: int
    verified_after: float | None


def between(*, since: datetime, until: datetime) -> Iterator[Past]:
    """Yield what was asked for in a span of time, the oldest first."""
    columns = (FraudSend.at, FraudSend.id, FraudSend.block, FraudSend.number_hash, FraudSend.ip, FraudSend.channel,
               FraudSend.price, FraudSend.decision, FraudSend.was_sent, FraudSend.times, FraudSend.outcome,
               FraudSend.outcome_at)  # fmt: skip
    is_within = (FraudSend.at >= since) & (FraudSend.at < until)
    statement = select(*columns).where(is_within).order_by(FraudSend.at, FraudSend.id).limit(_PAGE)
    rows = fetch_all(statement)
    while rows:
        yield from map(_past, rows)
        last = rows[-1]
        is_later = or_(FraudSend.at > last.at, (FraudSend.at == last.at) & (FraudSend.id > last.id))
        rows = fetch_all(statement.where(is_later)) if len(rows) == _PAGE else []


_PAGE = 2_000


def _past(row: Any) -> Past:
    is_verified = row.outcome == Outcome.VERIFIED
    after = max(0.0, (row.outcome_at - row.at).total_seconds()) if is_verified else None
    number = pseudonym(row.block, row.number_hash)
    return Past(row.at, number, row.ip, row.channel, row.price, row.decision, row.was_sent, row.times, after)


@dataclass(frozen=True, slots=True)
class Refused:
    """How many sends a node refused, and what they would have cost."""

    count: int
    saved: Decimal


def refused_by(key: str, *, since: datetime) -> Refused:
    """Return what a node has refused since a time."""
    return _refused(FraudSend.key == key, FraudSend.at >= since)


def refused_since(since: datetime) -> Refused:
    """Return what all nodes and rules have refused since a time."""
    return _refused(FraudSend.at >= since)


def _refused(*conditions: Any) -> Refused:
    sums = select(func.sum(FraudSend.times), func.sum(FraudSend.times * FraudSend.price))
    count, saved = fetch_all(sums.where(FraudSend.was_sent.is_(False), *conditions))[0]
    return Refused(int(count or 0), Decimal(f"{saved or 0:.4f}"))
