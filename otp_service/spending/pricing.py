"""What a message is expected to cost before it is sent: what the provider billed last, else what the settings say.

Each process keeps the last bills in memory. A reservation brings back the bill of its country and channel, so that a
process learns what another one recorded, and asks for nothing on the way (ADR 45).
"""

from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import TextClause, text

from otp_service.core.database.transactions import execute_later
from otp_service.core.services import services
from otp_service.providers import Channel
from otp_service.spending.money import amount_of, converted, units_of

UNPRICED = Decimal("0.10")
"""What a message counts whose provider has no price for it: HTTP_GATEWAY_PRICES may be empty."""

LEARNED = (
    "(SELECT p.units FROM spend_prices AS p"
    " WHERE p.provider = :provider AND p.channel = :channel AND p.country = :country)"
)
"""The last bill, as a part of another statement."""


def expected_price(provider: str, channel: Channel, country: str) -> Decimal:
    """Return what a message is expected to cost, in SPEND_CURRENCY. Asks no database."""
    return amount_of(expected_units(provider, channel, country))


def expected_units(provider: str, channel: Channel, country: str) -> int:
    """Return the same in units."""
    learned = services().billed_prices.get((provider, channel.value, country))
    if learned is not None:
        return learned
    found = services().providers.get(provider)
    price = found.expected_price(country, channel) if found else None
    return units_of(UNPRICED) if price is None else converted(price)


def note(provider: str, channel: Channel, country: str, units: int | None) -> None:
    """Remember a bill in this process; None if there is none. A free message says nothing about the next one."""
    key = (provider, channel.value, country)
    if units:
        services().billed_prices[key] = units
    else:
        services().billed_prices.pop(key, None)


def learn(provider: str, channel: Channel, country: str, units: int) -> None:
    """Record what a provider billed, in the open transaction, for the messages that follow."""
    if units <= 0 or services().billed_prices.get((provider, channel.value, country)) == units:
        return
    values: dict[str, Any] = {"provider": provider, "channel": channel.value, "country": country, "units": units}
    execute_later(_learn(), values)
    note(provider, channel, country, units)


@cache
def _learn() -> TextClause:
    return text(
        "INSERT INTO spend_prices AS t (provider, channel, country, units)"
        " VALUES (:provider, :channel, :country, :units)"
        " ON CONFLICT (provider, channel, country) DO UPDATE SET units = excluded.units WHERE t.units <> excluded.units"
    )
