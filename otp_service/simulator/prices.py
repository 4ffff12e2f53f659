"""What a verification costs, in made-up but exact euros."""

from decimal import Decimal
from typing import NamedTuple

from otp_service.simulator.verification import Method

CURRENCY = "EUR"


class Tariff(NamedTuple):
    """One country's prices for each method, as decimal text."""

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
    """The price of one verification; an unlisted country pays the default tariff."""
    return Decimal(getattr(TARIFFS.get(country, DEFAULT_TARIFF), method.value))
