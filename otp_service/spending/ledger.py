"""Counts what messages cost, by UTC day and before they are sent: one conditional upsert decides (ADR 45).

| what happens                                  | spent          | reserved | billed         | given_back |
|-----------------------------------------------|----------------|----------|----------------|------------|
| a message is about to be sent                 | + expected     | + same   |                |            |
| it goes to another provider or channel        | + difference   | + new    |                | + old      |
| surely no message left                        | - expected     |          |                | + same     |
| the provider names the price                  | + difference   |          | + price        |            |
| the provider names another price later        | + difference   |          | + difference   |            |
| the outcome or the price stays unknown        | stays          |          |                |            |

Only the first two ask the caps. A price above the expected one counts in full, and so may lead beyond a cap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Date, TextClause, bindparam, text

from otp_service.core.database.transactions import execute, execute_last
from otp_service.providers import Price
from otp_service.spending import pricing
from otp_service.spending.charges import WITHOUT_CAP, Cap, Charge, caps_of
from otp_service.spending.money import converted, has_rate

_WARNED = "(SELECT coalesce(max(w.percent), 0) FROM spend_warnings AS w WHERE w.day = :day AND w.about = subject)"
_PLACES = (0, 1, 2)
_COLUMNS = ("spent", "strangers", "reserved", "billed", "given_back", "messages")


@dataclass(frozen=True, slots=True)
class Counted:
    """A row of the ledger after a message was counted in it: what is spent, and which step was reported last."""

    cap: Cap
    spent: int
    warned: int


class CapPassed(Exception):
    """A message would lead beyond a cap. `is_for_all`: also beyond what is reserved for sign-ins."""

    def __init__(self, cap: Cap) -> None:
        super().__init__(cap.subject)
        self.cap = cap


def take(charge: Charge, *, instead_of: Charge | None = None, app_per_day: int | None) -> list[Counted]:
    """Count a message in the open transaction, or the difference to the one whose place it takes. Raises CapPassed.

    Call it last: what was put off travels with it, and its rows are locked for the commit alone. Returns the rows that
    have a cap.
    """
    caps = tuple(caps_of(charge, app_per_day=app_per_day))
    given_back = instead_of.units if instead_of else 0
    more = charge.units - given_back
    _require_room(caps, charge, more)
    values = {**_values(charge, spent=more, reserved=charge.units, given_back=given_back, messages=not instead_of)}
    values |= {"provider": charge.provider, "channel": charge.channel.value, "country": charge.country}
    values["outdated"] = pricing.outdated_before(charge.day)
    for place, cap in zip(_PLACES, caps, strict=True):
        # A message that costs less than the one before it never passes a cap, even where a bill already did.
        is_bound = more > 0
        values[f"most_{place}"] = cap.most if is_bound else WITHOUT_CAP
        values[f"most_strangers_{place}"] = cap.for_strangers if is_bound else WITHOUT_CAP
    rows = {row.subject: row for row in execute(_take(), values)}
    for cap in caps:
        if cap.subject not in rows:
            raise CapPassed(cap)
    any_row = next(iter(rows.values()))
    pricing.note(charge.provider, charge.channel, charge.country, any_row.learned, any_row.learned_day)
    return [Counted(cap, rows[cap.subject].spent, rows[cap.subject].warned) for cap in caps if cap.most < WITHOUT_CAP]


def _require_room(caps: Sequence[Cap], charge: Charge, more: int) -> None:
    """Raise CapPassed for a message that even the first row of a day could not hold: the upsert asks later rows."""
    for cap in caps:
        if more > cap.most or (not charge.is_sign_in and more > cap.for_strangers):
            raise CapPassed(cap)


def give_back(charge: Charge) -> None:
    """Undo `take` in the open transaction: surely no message left."""
    execute_last(_change(), _values(charge, spent=-charge.units, given_back=charge.units))


def correct(charge: Charge, price: Price, *, was_billed: bool, witness: "Witness | None" = None) -> int:
    """Replace what a message counts by what the provider billed, in the open transaction, up or down; return that.

    With a `witness`, only if the change that it names was made.
    """
    to = converted(price)
    # One for one is a guess: one bill of 750 rupiahs must not make the messages that follow expected to cost 750.
    if has_rate(price):
        pricing.learn(charge.provider, charge.channel, charge.country, to, day=charge.day)
    change = to - charge.units
    values = _values(charge, spent=change, billed=change if was_billed else to)
    if witness is None:
        execute_last(_change(), values)
    else:
        execute_last(_change(witness.sql, *witness.binds), {**values, **witness.values})
    return to


@dataclass(frozen=True, slots=True)
class Witness:
    """A part of SQL that is 1 if another write of this transaction changed its row, and 0 if not.

    Both writes are put off, so that they travel together: no one reads the row count of the first in between.
    """

    sql: str
    binds: tuple[BindParameter[Any], ...]
    values: Mapping[str, Any]


def _values(charge: Charge, **amounts: int) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(_COLUMNS, 0) | {name: int(amount) for name, amount in amounts.items()}
    values["strangers"] = 0 if charge.is_sign_in else values["spent"]
    subjects = {f"subject_{place}": subject for place, subject in zip(_PLACES, charge.subjects, strict=True)}
    return {**values, **subjects, "day": charge.day}


@cache
def _take() -> TextClause:
    """Return the statement that decides. As text: SQLAlchemy compiles one with ON CONFLICT each time (ADR 16)."""
    names, excluded = ", ".join(_COLUMNS), {name: f"t.{name} + excluded.{name}" for name in _COLUMNS}
    rows = ", ".join(f"(:day, :subject_{place}, {', '.join(f':{name}' for name in _COLUMNS)})" for place in _PLACES)
    return text(
        f"INSERT INTO spend_days AS t (day, subject, {names}) VALUES {rows}"  # noqa: S608 - names of our own columns
        f" ON CONFLICT (day, subject) DO UPDATE SET {', '.join(f'{name} = {sql}' for name, sql in excluded.items())}"
        f" WHERE {excluded['spent']} <= {_by_row('most')}"
        f" AND (excluded.strangers = 0 OR {excluded['strangers']} <= {_by_row('most_strangers')})"
        f" RETURNING subject, spent, {_WARNED} AS warned, {pricing.LEARNED}"
    ).bindparams(bindparam("day", type_=Date), bindparam("outdated", type_=Date))


def _by_row(name: str) -> str:
    return f"(CASE t.subject {' '.join(f'WHEN :subject_{place} THEN :{name}_{place}' for place in _PLACES)} END)"


@cache
def _change(factor: str = "1", *binds: BindParameter[Any]) -> TextClause:
    """Return the statement that changes amounts, whatever the caps. `factor` is a part of SQL that is 1 or 0."""
    rows = ", ".join(
        f"(:day, :subject_{place}, {', '.join(f':{name} * {factor}' for name in _COLUMNS)})" for place in _PLACES
    )
    changes = ", ".join(f"{name} = t.{name} + excluded.{name}" for name in _COLUMNS)
    return text(
        f"INSERT INTO spend_days AS t (day, subject, {', '.join(_COLUMNS)}) VALUES {rows}"  # noqa: S608 - our own names
        f" ON CONFLICT (day, subject) DO UPDATE SET {changes}"
    ).bindparams(bindparam("day", type_=Date), *binds)
