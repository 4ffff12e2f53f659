"""What operators and people see of verifications: lists, totals, and what is stored about a person."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from otp_service.core.database.rows import Projection, rows_about
from otp_service.core.database.transactions import fetch_all, fetch_one
from otp_service.verifications.models import Verification, VerificationAttempt
from otp_service.verifications.states import State


@dataclass(frozen=True, slots=True)
class Record:
    """A verification as operators see it."""

    id: uuid.UUID
    owner: str
    purpose: str
    provider: str
    channel: str
    phone_number: str
    country: str
    state: str
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    expires_at: datetime
    settled_at: datetime | None
    delivered: str | None
    failure: str | None
    given_back_at: datetime | None
    price_amount: Decimal | None
    price_currency: str | None


_RECORDS = Projection(Record, Verification)


def list_records(*, owner: str | None, state: State | None, limit: int) -> list[Record]:
    """Return the newest verifications, of one owner and in one state where these are given."""
    statement = _RECORDS.select().order_by(Verification.created_at.desc()).limit(limit)
    if owner is not None:
        statement = statement.where(Verification.owner == owner)
    if state is not None:
        statement = statement.where(Verification.state == state)
    return _RECORDS.values(fetch_all(statement))


def find_record(verification_id: uuid.UUID) -> Record | None:
    """Return one verification as operators see it, or None."""
    return _RECORDS.find(fetch_one(_RECORDS.select().where(Verification.id == verification_id)))


@dataclass(frozen=True, slots=True)
class Total:
    """How many verifications ended in a state, and what those with a known price cost in one currency."""

    state: str
    currency: str | None
    count: int
    cost: Decimal | None


def totals(*, since: datetime, until: datetime) -> list[Total]:
    """Return the totals of the verifications that were made in a span of time."""
    columns = (Verification.state, Verification.price_currency)
    sums = (func.count(), func.sum(Verification.price_amount))
    is_within = (Verification.created_at >= since) & (Verification.created_at < until)
    rows = fetch_all(select(*columns, *sums).where(is_within).group_by(*columns).order_by(*columns))
    return [Total(*row) for row in rows]


def list_outcomes(verification_id: uuid.UUID) -> list[str]:
    """Return the outcome of each code that was tried, in order."""
    statement = select(VerificationAttempt.outcome).where(VerificationAttempt.verification_id == verification_id)
    return [str(row.outcome) for row in fetch_all(statement.order_by(VerificationAttempt.tried_at))]


def personal_data(owner: str) -> list[dict[str, Any]]:
    """Return what is stored about an owner's codes, for that person: no code, and no id of the provider."""
    columns = (
        Verification.created_at, Verification.id, Verification.purpose, Verification.provider, Verification.channel,
        Verification.phone_number, Verification.country, Verification.ip, Verification.state, Verification.attempts,
        Verification.sent_at, Verification.expires_at, Verification.settled_at, Verification.delivered,
        Verification.price_amount, Verification.price_currency,
    )  # fmt: skip
    return rows_about(Verification.owner == owner, *columns)
