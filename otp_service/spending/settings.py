"""The settings of spending: its currency, its caps by day, who has a part of them, and who is warned."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from otp_service.config.reader import Reader
from otp_service.core.phone import is_country
from otp_service.mail.wire_addresses import on_the_wire
from otp_service.providers.price_lists import ANYWHERE, CURRENCY, read_currency

_AMOUNT = r"(?P<amount>[0-9]{1,7}(\.[0-9]{1,4})?)"
_CAP = re.compile(_AMOUNT)
_COUNTRY_CAP = re.compile(rf"((?P<country>[A-Za-z]{{2}}|\*)\s*=\s*)?{_AMOUNT}")
_RATE = re.compile(r"(?P<currency>[A-Za-z]{3})\s*=\s*(?P<rate>[0-9]{1,6}(\.[0-9]{1,8})?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendSettings:
    """`per_day` is None without a cap; `per_country_day` is by country, with ANYWHERE for each of the others.

    `rates` say how much of `currency` one unit of another currency is worth. `reserved_percent` of each cap is for
    sign-ins alone. `alert_addresses` get the warnings.
    """

    currency: str
    rates: Mapping[str, Decimal]
    per_day: Decimal | None
    per_country_day: Mapping[str, Decimal]
    reserved_percent: int
    alert_addresses: tuple[str, ...]

    @property
    def has_cap(self) -> bool:
        """Whether a day's spend is bounded at all."""
        return self.per_day is not None or bool(self.per_country_day)

    def rate_of(self, currency: str) -> Decimal | None:
        """Return what one unit of a currency is worth; None if no setting says so."""
        return Decimal(1) if currency == self.currency else self.rates.get(currency)

    def per_day_to(self, country: str) -> Decimal | None:
        """Return the cap of one country; None without one."""
        return self.per_country_day.get(country, self.per_country_day.get(ANYWHERE))


def read_spending(read: Reader) -> SpendSettings:
    """Read SPEND_*; `read` collects the faults."""
    return SpendSettings(
        currency=read_currency(read, "SPEND_CURRENCY"),
        rates=_rates(read),
        per_day=_cap(read),
        per_country_day=_country_caps(read),
        reserved_percent=read.integer("SPEND_RESERVED_FOR_SIGN_INS", default=20, low=0, high=100),
        alert_addresses=_addresses(read),
    )


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


def _cap(read: Reader) -> Decimal | None:
    text = read.text("SPEND_PER_DAY", default="")
    match = _CAP.fullmatch(text)
    if text and (match is None or not Decimal(text)):
        may = "hold an amount above 0, with up to four decimals, such as 50; without it there is no cap"
        read.fault("SPEND_PER_DAY", f"holds {text!r}", may)
        return None
    return Decimal(text) if text else None


def _country_caps(read: Reader) -> Mapping[str, Decimal]:
    """Read `50`, for each country, or `DE=50,US=20,*=10`. A cap of 0 sends nothing to a country."""
    found: dict[str, Decimal] = {}
    for word in read.words("SPEND_PER_COUNTRY_DAY"):
        match = _COUNTRY_CAP.fullmatch(word)
        country = (match["country"] or ANYWHERE).upper() if match else ""
        if match is None or country in found or not (country == ANYWHERE or is_country(country)):
            may = "hold one amount, or amounts by country, each once: DE=50,US=20,*=10"
            read.fault("SPEND_PER_COUNTRY_DAY", f"holds {word!r}", may)
        else:
            found[country] = Decimal(match["amount"])
    return MappingProxyType(found)


def _addresses(read: Reader) -> tuple[str, ...]:
    found = []
    for word in read.words("SPEND_ALERT_EMAIL"):
        try:
            address = on_the_wire(word)
        except ValueError:
            address = None
        if address is None or not (address.username and address.domain):
            read.fault("SPEND_ALERT_EMAIL", f"holds {word!r}", "hold e-mail addresses, separated by commas")
        else:
            found.append(word)
    return tuple(found)
