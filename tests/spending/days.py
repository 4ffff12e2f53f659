"""What the ledger says, as tests read it."""

from decimal import Decimal
from typing import Any

from flask import Flask
from sqlalchemy import select

from otp_service.core.database.transactions import fetch_all
from otp_service.simulator import Simulator
from otp_service.spending.models import SpendDay
from otp_service.spending.money import amount_of
from otp_service.verifications import sweeping

US = Decimal("0.0445")
"""An SMS to the United States, by the simulator."""


def all_rows(app: Flask) -> list[Any]:
    """The ledger."""
    with app.app_context():
        return list(fetch_all(select(SpendDay.__table__)))


def rows(app: Flask) -> dict[str, Any]:
    """The ledger by subject, of a test that lives in one day."""
    return {row.subject: row for row in all_rows(app)}


def spent(app: Flask, subject: str = "total") -> Decimal:
    """What counts against the cap."""
    row = rows(app).get(subject)
    return Decimal(0) if row is None else amount_of(row.spent)


def totals(app: Flask) -> tuple[Decimal, Decimal]:
    """What all days cost, and what of that was billed."""
    found = [row for row in all_rows(app) if row.subject == "total"]
    return amount_of(sum(row.spent for row in found)), amount_of(sum(row.billed for row in found))


def sweep(app: Flask) -> None:
    """`flask otp sweep` until there is nothing left to do."""
    with app.app_context():
        while (swept := sweeping.sweep()).settled + swept.closed + swept.priced:
            assert not swept.failed


def invoiced(sinch: Simulator, *numbers: str) -> Decimal:
    """What the simulator bills for messages to some numbers."""
    return sum((line.price for line in sinch.invoice() if line.to in numbers), Decimal(0))
