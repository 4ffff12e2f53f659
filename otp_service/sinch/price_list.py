"""What Sinch's messages are expected to cost: SINCH_PRICES, and rough prices where it names none.

Sinch names the price of a verification minutes after its end, or never. The spend cap needs one before the message.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from otp_service.config.reader import Reader
from otp_service.providers import Channel, Price
from otp_service.providers.price_lists import price_in, read_currency, read_price_list

_CHANNELS = (Channel.SMS, Channel.CALLOUT, Channel.FLASHCALL, Channel.WHATSAPP)
_CURRENCY = "EUR"

_BY_COUNTRY = {
    "AT": "0.0780 0.1400 0.0310 0.0420",
    "BR": "0.0390 0.0900 0.0280 0.0290",
    "CA": "0.0453 0.0480 0.0180 0.0190",
    "CH": "0.0640 0.1700 0.0330 0.0400",
    "DE": "0.0850 0.1200 0.0300 0.0650",
    "ES": "0.0610 0.1100 0.0270 0.0330",
    "FR": "0.0690 0.1300 0.0290 0.0610",
    "GB": "0.0445 0.1000 0.0250 0.0360",
    "ID": "0.3100 0.2400 0.0700 0.0230",
    "IN": "0.0310 0.0700 0.0200 0.0130",
    "SE": "0.0590 0.0950 0.0240 0.0410",
    "US": "0.0445 0.0453 0.0170 0.0180",
}
"""By channel in the order of _CHANNELS. Contracts differ: the first bill replaces each of them."""

_DEAR = (
    "AF AM AO AZ BD BF BI BJ BT BY CD CF CG CM CU DJ DZ EG ER ET GA GE GM GN GQ HT IQ IR JO KG KH KM KW KZ LA LB LK "
    "LR LY MG ML MM MR MV MW MZ NE NG NP OM PG PK PS QA RU SD SL SN SO SS SY SZ TD TG TJ TM TN TZ UG UZ VN YE ZM ZW"
)
"""Messages to these countries cost several times the usual price: they are what message fraud aims at."""

_DEAR_PRICES, _USUAL_PRICES = "0.2500 0.5000 0.0900 0.0600", "0.0800 0.1500 0.0400 0.0350"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinchPrices:
    """SINCH_PRICES, a list of `providers.price_lists`, and its currency."""

    listed: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    currency: str = _CURRENCY

    def of(self, country: str, channel: Channel) -> Price:
        """Return what a message is expected to cost: as listed, else about what it usually costs."""
        amount = price_in(self.listed, country, channel)
        return Price(_rough(country, channel), _CURRENCY) if amount is None else Price(amount, self.currency)


def read_sinch_prices(read: Reader) -> SinchPrices:
    """Read SINCH_PRICES and SINCH_CURRENCY; `read` collects the faults."""
    listed = read_price_list(read, "SINCH_PRICES")
    return SinchPrices(listed=listed, currency=read_currency(read, "SINCH_CURRENCY"))


def _rough(country: str, channel: Channel) -> Decimal:
    prices = _BY_COUNTRY.get(country, _DEAR_PRICES if country in _DEAR.split() else _USUAL_PRICES)
    return Decimal(prices.split()[_CHANNELS.index(channel)])
