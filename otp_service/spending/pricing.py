"""What a message is expected to cost before it is sent."""

from decimal import Decimal

from otp_service.core.services import services
from otp_service.providers import Channel
from otp_service.spending.money import amount_of, converted, units_of

UNPRICED = Decimal("0.10")
"""What a message counts whose provider has no price for it: HTTP_GATEWAY_PRICES may be empty."""


def expected_price(provider: str, channel: Channel, country: str) -> Decimal:
    """Return what a message is expected to cost, in SPEND_CURRENCY. Asks no database."""
    return amount_of(expected_units(provider, channel, country))


def expected_units(provider: str, channel: Channel, country: str) -> int:
    """Return the same in units."""
    found = services().providers.get(provider)
    price = found.expected_price(country, channel) if found else None
    return units_of(UNPRICED) if price is None else converted(price)
