"""Money as whole units of a ten-thousandth of SPEND_CURRENCY, and prices of other currencies in it (ADR 45)."""

import logging
from decimal import ROUND_HALF_UP, Decimal

from otp_service.core.services import services, settings
from otp_service.providers import Price
from otp_service.spending.settings import SpendSettings

UNITS = 10_000
"""Units of one euro. Prices of messages have up to four decimals; whole numbers add up without a rounding error."""

_WITHOUT_RATE = Decimal(1)

log = logging.getLogger(__name__)


def units_of(amount: Decimal) -> int:
    """Return an amount of SPEND_CURRENCY in units."""
    return int((amount * UNITS).to_integral_value(ROUND_HALF_UP))


def amount_of(units: int) -> Decimal:
    """Return units as an amount of SPEND_CURRENCY."""
    return Decimal(units) / UNITS


def in_words(units: int) -> str:
    """Return units as people write them: `50.00`, `0.178`, `0.0445`."""
    whole, _, decimals = f"{amount_of(units):.4f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def converted(price: Price) -> int:
    """Return a price in units. A currency without a rate counts one for one, which the log and `flask doctor` say."""
    rate = settings().of(SpendSettings).rate_of(price.currency)
    # Once: the prices of the settings are converted for each message.
    if rate is None and price.currency not in services().currencies_without_rate:
        services().currencies_without_rate.add(price.currency)
        log.warning("spend.no_rate", extra={"currency": price.currency})
    return units_of(price.total * (_WITHOUT_RATE if rate is None else rate))


def has_rate(price: Price) -> bool:
    """Whether a price is in SPEND_CURRENCY or one that has a rate."""
    return settings().of(SpendSettings).rate_of(price.currency) is not None
