"""The bill: a line for each verification that was delivered, to the exact amount."""

import csv
import io
from dataclasses import astuple, dataclass
from decimal import Decimal

from otp_service.simulator.clock import iso_utc
from otp_service.simulator.prices import CURRENCY
from otp_service.simulator.store import Store

COLUMNS = ("verificationId", "reference", "to", "channel", "country", "price", "currency", "status", "at")


@dataclass(frozen=True)
class InvoiceLine:
    """One billed verification; `at` is when it was started."""

    verification_id: str
    reference: str
    to: str
    channel: str
    country: str
    price: Decimal
    currency: str
    status: str
    at: str


def invoice_lines(store: Store) -> list[InvoiceLine]:
    """What is billed, oldest first."""
    return [
        InvoiceLine(
            v.id,
            v.reference or "",
            v.number,
            v.method.value,
            v.country,
            v.price,
            CURRENCY,
            v.status.value,
            iso_utc(v.started_at),
        )
        for v in store.all()
        if v.is_delivered
    ]


def invoice_csv(store: Store) -> str:
    """The same as a table with a head line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(astuple(line) for line in invoice_lines(store))
    return text.getvalue()
