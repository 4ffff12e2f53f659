"""Verifications as operators see them."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select

from otp_service.core.database.transactions import fetch_all, fetch_one
from otp_service.verifications.models import Verification, VerificationAttempt
from otp_service.verifications.states import State


@dataclass(frozen=True, slots=True)
class Record:
    """One verification."""

    id: uuid.UUID
    user_id: int
    purpose: str
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
    given_back_at: datetime | None
    price_amount: Decimal | None
    price_currency: str | None


_COLUMNS = [getattr(Verification, name) for name in Record.__dataclass_fields__]


def newest(*, user_id: int | None, state: State | None, limit: int) -> list[Record]:
    """The newest verifications, of one user and in one state when these are given."""
    statement = select(*_COLUMNS).order_by(Verification.created_at.desc()).limit(limit)
    if user_id is not None:
        statement = statement.where(Verification.user_id == user_id)
    if state is not None:
        statement = statement.where(Verification.state == state)
    return [Record(*row) for row in fetch_all(statement)]


def find(verification_id: uuid.UUID) -> Record | None:
    """One verification."""
    row = fetch_one(select(*_COLUMNS).where(Verification.id == verification_id))
    return Record(*row) if row else None


def outcomes(verification_id: uuid.UUID) -> list[str]:
    """What became of each code that was tried, in order."""
    statement = select(VerificationAttempt.outcome).where(VerificationAttempt.verification_id == verification_id)
    return [str(row.outcome) for row in fetch_all(statement.order_by(VerificationAttempt.tried_at))]
