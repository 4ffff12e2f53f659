"""What a message is expected to cost before it is sent: what the settings say, or a higher bill of the last days.

A bill never lowers what the settings say: whoever makes calls short would make the next ones look cheap. It raises it
to a few times that at most, so that no odd bill stops a country until an operator notices. Each process
keeps the bills in memory. A reservation brings back the one of its country and channel, so that a process learns what
another one recorded, and asks for nothing on the way (ADR 45).
"""

import logging
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

from sqlalchemy import Date, TextClause, bindparam, text

from otp_service.core import clock
from otp_service.core.database.transactions import execute_later
from otp_service.core.services import services
from otp_service.providers import Channel
from otp_service.spending.money import amount_of, converted, in_words, units_of

UNPRICED = Decimal("0.10")
"""What a message counts whose provider has no price for it: HTTP_GATEWAY_PRICES may be empty."""

KEPT_FOR = timedelta(days=7)
"""How long a bill counts after which only lower ones came."""

MOST_TIMES: Final = 5
"""How many times the price of the settings a bill can make a message expected to cost."""

_OF_KIND = (
    "FROM spend_prices AS p WHERE p.provider = :provider AND p.channel = :channel AND p.country = :country"
    " AND p.day >= :outdated"
)
LEARNED = f"(SELECT p.units {_OF_KIND}) AS learned, (SELECT p.day {_OF_KIND}) AS learned_day"
"""The bill and its day, as columns of another statement. `outdated_before` gives :outdated."""

log = logging.getLogger(__name__)


def expected_price(provider: str, channel: Channel, country: str) -> Decimal:
    """Return what a message is expected to cost, in SPEND_CURRENCY. Asks no database."""
    return amount_of(expected_units(provider, channel, country))


def expected_units(provider: str, channel: Channel, country: str) -> int:
    """Return the same in units."""
    listed = _listed(provider, channel, country)
    billed = _billed((provider, channel.value, country), clock.now().date())
    return max(listed, min(billed, _most(listed)))


def outdated_before(day: date) -> date:
    """Return the first day whose bills still count on a day."""
    return day - KEPT_FOR


def note(provider: str, channel: Channel, country: str, units: int | None, day: date | str | None) -> None:
    """Remember a bill and its day in this process; None if there is none. SQLite gives a day as text."""
    key = (provider, channel.value, country)
    if units is None or day is None:
        services().billed_prices.pop(key, None)
    else:
        services().billed_prices[key] = units, date.fromisoformat(day) if isinstance(day, str) else day


def learn(provider: str, channel: Channel, country: str, units: int, *, day: date) -> None:
    """Record what a provider billed for a message of a day, in the open transaction, for those that follow."""
    key = (provider, channel.value, country)
    most = _most(_listed(provider, channel, country))
    learned = min(units, most)
    if learned < _billed(key, day) or services().billed_prices.get(key) == (learned, day):
        return
    kind: dict[str, Any] = {"provider": provider, "channel": channel.value, "country": country}
    if units > most:
        log.warning("spend.odd_price", extra={**kind, "price": in_words(units), "expected": in_words(most)})
    execute_later(_learn(), {**kind, "units": learned, "day": day, "outdated": outdated_before(day)})
    note(provider, channel, country, learned, day)


def _listed(provider: str, channel: Channel, country: str) -> int:
    found = services().providers.get(provider)
    price = found.expected_price(country, channel) if found else None
    return units_of(UNPRICED) if price is None else converted(price)


def _most(listed: int) -> int:
    # A list that says 0 has no price to multiply.
    return MOST_TIMES * (listed or units_of(UNPRICED))


def _billed(key: tuple[str, str, str], day: date) -> int:
    """Return the bill that this process remembers, 0 if it is outdated: a cap that is full brings back no other."""
    units, since = services().billed_prices.get(key, (0, day))
    return units if since >= outdated_before(day) else 0


@cache
def _learn() -> TextClause:
    return text(
        "INSERT INTO spend_prices AS t (provider, channel, country, units, day)"
        " VALUES (:provider, :channel, :country, :units, :day)"
        " ON CONFLICT (provider, channel, country) DO UPDATE SET units = excluded.units, day = excluded.day"
        " WHERE excluded.units > t.units OR t.day < :outdated"
        " OR (excluded.units = t.units AND excluded.day > t.day)"
    ).bindparams(bindparam("day", type_=Date), bindparam("outdated", type_=Date))
