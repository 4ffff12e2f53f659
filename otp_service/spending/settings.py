"""The settings of spending: its currency, its caps by day, and who is warned."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from otp_service.config.reader import Reader
from otp_service.providers.price_lists import CURRENCY, read_currency

_RATE = re.compile(r"(?P<currency>[A-Za-z]{3})\s*=\s*(?P<rate>[0-9]{1,6}(\.[0-9]{1,8})?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendSettings:
    """`rates` say how much of `currency` one unit of another currency is worth."""

    currency: str
    rates: Mapping[str, Decimal]

    def rate_of(self, currency: str) -> Decimal | None:
        """Return what one unit of a currency is worth; None if no setting says so."""
        return Decimal(1) if currency == self.currency else self.rates.get(currency)


def read_spending(read: Reader) -> SpendSettings:
    """Read SPEND_*; `read` collects the faults."""
    return SpendSettings(currency=read_currency(read, "SPEND_CURRENCY"), rates=_rates(read))


def _rates(read: Reader) -> Mapping[str, Decimal]:
    """Read `USD=0.92,SEK=0.088`. A rate of 0 would make a whole currency free."""
    found: dict[str, Decimal] = {}
    for word in read.words("SPEND_RATES"):
        match = _RATE.fullmatch(word)
        currency, rate = (match["currency"].upper(), Decimal(match["rate"])) if match else ("", Decimal(0))
        if not CURRENCY.fullmatch(currency) or not rate or currency in found:
            may = "hold what one unit of a currency is worth in SPEND_CURRENCY, each once: USD=0.92,SEK=0.088"
            read.fault("SPEND_RATES", f"holds {word!r}", may)
        else:
            found[currency] = rate
    return MappingProxyType(found)
