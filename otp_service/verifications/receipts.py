"""Records what a provider adds later: the price of a message, and whether it arrived."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from otp_service import spending
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.providers import Price
from otp_service.verifications import records
from otp_service.verifications.models import Verification
from otp_service.verifications.records import Snapshot
from otp_service.verifications.states import Delivered


def set_price(verification_id: uuid.UUID, price: Price, *, only_first: bool = False) -> bool:
    """Record what the provider billed, here and in the ledger; return whether this call did.

    With `only_first`, a price that is known stays: that of an event may come late.
    """
    with transaction():
        # The lock makes each correction happen once: what it counted before decides the difference (ADR 45).
        found, was_billed = _lock_charge(verification_id)
        if found is None or (was_billed and only_first):
            return False
        values: dict[str, Any] = {"price_amount": price.total, "price_currency": price.currency}
        if found.spend_units is not None:
            values["spend_units"] = spending.correct(found.charge(), price, was_billed=was_billed)
        execute(update(Verification).where(Verification.id == verification_id).values(**values))
        return True


def give_money_back(verification_id: uuid.UUID) -> None:
    """Take a message that was surely not sent out of the ledger, once. A price that comes later counts again."""
    with transaction():
        found, was_billed = _lock_charge(verification_id)
        if found is not None and found.spend_units and not was_billed:
            spending.give_back(found.charge())
            execute(update(Verification).where(Verification.id == verification_id).values(spend_units=0))


def _lock_charge(verification_id: uuid.UUID) -> tuple[Snapshot | None, bool]:
    """Return a verification as it stands, locked, and whether its price is known."""
    records.lock(verification_id)
    found = records.find(verification_id)
    is_priced = select(Verification.price_amount.is_not(None)).where(Verification.id == verification_id)
    return found, bool(found and fetch_all(is_priced)[0][0])


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
