"""Records what a provider adds later: the price of a message, and whether it arrived."""

import uuid
from datetime import datetime

from sqlalchemy import update

from otp_service.core.database.transactions import execute, transaction
from otp_service.providers import Price
from otp_service.verifications.models import Verification
from otp_service.verifications.records import Snapshot
from otp_service.verifications.states import Delivered


def set_price(verification_id: uuid.UUID, price: Price) -> None:
    """Record what the provider billed."""
    values = {"price_amount": price.total, "price_currency": price.currency}
    with transaction():
        execute(update(Verification).where(Verification.id == verification_id).values(**values))


def set_first_price(verification_id: uuid.UUID, price: Price) -> bool:
    """Record a price that an event brought, unless one is known; return whether this call did."""
    is_unpriced = (Verification.id == verification_id) & Verification.price_amount.is_(None)
    values = {"price_amount": price.total, "price_currency": price.currency}
    with transaction():
        return execute(update(Verification).where(is_unpriced).values(**values)).rowcount == 1


def put_price_off(verification: Snapshot, *, now: datetime) -> None:
    """Ask for a missing price again when the verification is twice as old."""
    with transaction():
        due_at = now + (now - verification.created_at)
        execute(update(Verification).where(Verification.id == verification.id).values(price_due_at=due_at))


def set_delivery(verification_id: uuid.UUID, *, has_arrived: bool) -> bool:
    """Record whether the message arrived; return whether that changed anything. An arrival is never taken back."""
    delivered = Delivered.YES if has_arrived else Delivered.NO
    is_new = Verification.delivered.is_(None) | (Verification.delivered == Delivered.NO) & has_arrived
    with transaction():
        statement = update(Verification).where(Verification.id == verification_id, is_new)
        return execute(statement.values(delivered=delivered)).rowcount == 1
