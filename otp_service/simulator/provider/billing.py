"""What verifications cost, in made-up but exact euros, and the invoice over them."""

import csv
import io
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import NamedTuple

from otp_service.simulator.clock import iso_utc
from otp_service.simulator.provider.store import Store
from otp_service.simulator.provider.verification import Method

CURRENCY = "EUR"
COLUMNS = ("verificationId", "reference", "to", "channel", "country", "price", "currency", "status", "at")


class Tariff(NamedTuple):
    """The prices of one country by method, as decimal text."""

    sms: str
    callout: str
    flashcall: str
    whatsapp: str
    seamless: str = "0.0200"


DEFAULT_TARIFF = Tariff("0.0800", "0.1500", "0.0400", "0.0350")
TARIFFS = {
    "AT": Tariff("0.0780", "0.1400", "0.0310", "0.0420"),
    "BR": Tariff("0.0390", "0.0900", "0.0280", "0.0290"),
    "CA": Tariff("0.0453", "0.0480", "0.0180", "0.0190"),
    "CH": Tariff("0.0640", "0.1700", "0.0330", "0.0400"),
    "DE": Tariff("0.0850", "0.1200", "0.0300", "0.0650"),
    "ES": Tariff("0.0610", "0.1100", "0.0270", "0.0330"),
    "FR": Tariff("0.0690", "0.1300", "0.0290", "0.0610"),
    "GB": Tariff("0.0445", "0.1000", "0.0250", "0.0360"),
    "ID": Tariff("0.3100", "0.2400", "0.0700", "0.0230"),
    "IN": Tariff("0.0310", "0.0700", "0.0200", "0.0130"),
    "SE": Tariff("0.0590", "0.0950", "0.0240", "0.0410"),
    "US": Tariff("0.0445", "0.0453", "0.0170", "0.0180"),
}


def price_of(method: Method, country: str) -> Decimal:
    """Return the price of one verification. A country without a tariff has the default one."""
    return Decimal(getattr(TARIFFS.get(country, DEFAULT_TARIFF), method.value))


@dataclass(frozen=True)
class InvoiceLine:
    """One billed verification. `at` is when it was started."""

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
    """Return the billed verifications, oldest first: every delivered one, whatever became of it."""
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
    """Return the invoice as CSV with a header line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(astuple(line) for line in invoice_lines(store))
    return text.getvalue()
