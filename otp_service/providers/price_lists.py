"""Lists of prices by country and channel, as settings hold them: `DE=0.075,DE/callout=0.12,*=0.10`."""

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from otp_service.config.reader import Reader
from otp_service.core.phone import is_country
from otp_service.providers.contract import Channel

ANYWHERE = "*"
CURRENCY = re.compile(r"[A-Z]{3}")  # ISO 4217
_ENTRY = re.compile(
    r"(?P<country>[A-Za-z]{2}|\*)(/(?P<channel>[A-Za-z]+))?\s*=\s*(?P<amount>[0-9]{1,3}(\.[0-9]{1,4})?)"
)
_CHANNELS = frozenset(channel.value for channel in Channel)


def read_price_list(read: Reader, name: str) -> Mapping[str, Decimal]:
    """Read a list. A price that is misread would feed the spend cap: anything odd is a fault."""
    found: dict[str, Decimal] = {}
    for word in read.words(name):
        match = _ENTRY.fullmatch(word)
        key = _key(match) if match else None
        if match is None or key is None or key in found:
            may = "hold prices by country, or country and channel, each once, with up to four decimals: "
            read.fault(name, f"holds {word!r}", may + "DE=0.075,DE/callout=0.12,*=0.10")
        else:
            found[key] = Decimal(match["amount"])
    return MappingProxyType(found)


def _key(match: re.Match[str]) -> str | None:
    country, channel = match["country"].upper(), (match["channel"] or "").lower()
    if not (country == ANYWHERE or is_country(country)) or (channel and channel not in _CHANNELS):
        return None
    return f"{country}/{channel}" if channel else country


def read_currency(read: Reader, name: str) -> str:
    """Read the currency of a list of prices."""
    currency = read.text(name, default="EUR").upper()
    if not CURRENCY.fullmatch(currency):
        read.fault(name, f"holds {currency!r}", "hold three letters (ISO 4217) such as EUR")
    return currency


def price_in(prices: Mapping[str, Decimal], country: str, channel: Channel) -> Decimal | None:
    """Return the price in a list: of the channel before that of all channels, of the country before that of all."""
    keys = (f"{country}/{channel}", country, f"{ANYWHERE}/{channel}", ANYWHERE)
    return next((prices[key] for key in keys if key in prices), None)
