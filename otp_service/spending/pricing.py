"""What a message is expected to cost before it is sent: what the settings say, or a higher bill of the last days.

A bill never lowers what the settings say: whoever makes calls short would make the next ones look cheap. Each process
keeps the bills in memory. A reservation brings back the one of its country and channel, so that a process learns what
another one recorded, and asks for nothing on the way (ADR 45).
"""

from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Date, TextClause, bindparam, text

from otp_service.core.database.transactions import execute_later
from otp_service.core.services import services
from otp_service.providers import Channel
from otp_service.spending.money import amount_of, converted, units_of

UNPRICED = Decimal("0.10")
"""What a message counts whose provider has no price for it: HTTP_GATEWAY_PRICES may be empty."""

KEPT_FOR = timedelta(days=7)
"""How long a bill counts after which only lower ones came."""

LEARNED = (
    "(SELECT p.units FROM spend_prices AS p"
    " WHERE p.provider = :provider AND p.channel = :channel AND p.country = :country)"
)
"""The bill, as a part of another statement."""


def expected_price(provider: str, channel: Channel, country: str) -> Decimal:
    """Return what a message is expected to cost, in SPEND_CURRENCY. Asks no database."""
    return amount_of(expected_units(provider, channel, country))


def expected_units(provider: str, channel: Channel, country: str) -> int:
    """Return the same in units."""
    found = services().providers.get(provider)
    price = found.expected_price(country, channel) if found else None
    listed = units_of(UNPRICED) if price is None else converted(price)
    return max(listed, services().billed_prices.get((provider, channel.value, country), 0))


def note(provider: str, channel: Channel, country: str, units: int | None) -> None:
    """Remember a bill in this process; None if there is none."""
    key = (provider, channel.value, country)
    if units is None:
        services().billed_prices.pop(key, None)
    else:
        services().billed_prices[key] = units


def learn(provider: str, channel: Channel, country: str, units: int, *, day: date) -> None:
    """Record what a provider billed for a message of a day, in the open transaction, for those that follow."""
    known = services().billed_prices.get((provider, channel.value, country), 0)
    if units == known:
        return
    key: dict[str, Any] = {"provider": provider, "channel": channel.value, "country": country}
    execute_later(_learn(), {**key, "units": units, "day": day, "outdated": day - KEPT_FOR})
    note(provider, channel, country, max(units, known))


@cache
def _learn() -> TextClause:
    return text(
        "INSERT INTO spend_prices AS t (provider, channel, country, units, day)"
        " VALUES (:provider, :channel, :country, :units, :day)"
        " ON CONFLICT (provider, channel, country) DO UPDATE SET units = excluded.units, day = excluded.day"
        " WHERE excluded.units > t.units OR t.day < :outdated"
    ).bindparams(bindparam("day", type_=Date), bindparam("outdated", type_=Date))
