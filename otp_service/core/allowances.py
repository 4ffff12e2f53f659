"""How often something may happen: the one engine that counts, in rows that no crash or flushed cache forgets (ADR 7).

Three rules exist: `SlidingWindow`, `InARow` and `DoublingWait`. A `Tally` applies one or more of them to the rows of a
table; the feature that owns the table keeps the policy. An `Allowance` is a named window in the table `counters`.

Every `take` is one upsert whose WHERE clause holds the limits, so of parallel takes exactly as many win as may.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import BigInteger, Integer, Row, String, Table, TextClause, bindparam, delete, select, text
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core import wrong_clocks
from otp_service.core.counting_rules import DOUBLINGS, Kept, Rule, SlidingWindow, milliseconds
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.transactions import UtcDateTime, execute, execute_later, fetch_one
from otp_service.core.errors import TooMany
from otp_service.extensions import Base, Model

HOUR = 3_600
DAY = 86_400


_TIMES = ("now", "cutoff", "taken_at", "forgotten", *(f"wait_{n}" for n in range(DOUBLINGS + 1)))


class Tally:
    """The rows of one table, counted by the rules that it is kept for. All verbs but `find` need a transaction."""

    def __init__(self, model: type[Base], *rules: Kept) -> None:
        table = cast(Table, model.__table__)
        keys = [column.name for column in table.primary_key]
        is_it = " AND ".join(f"{name} = :{name}" for name in keys)
        self._find = select(*table.columns).where(*(column == bindparam(column.name) for column in table.primary_key))
        self._clear = text(f"DELETE FROM {table.name} WHERE {is_it}")  # noqa: S608 - names of our own columns
        self._take = _upsert(table.name, keys, rules)
        changes = _assignments(_merged(rule.given_back for rule in rules))
        is_any = " OR ".join(rule.may_give_back for rule in rules)
        self._give_back = _timed(f"UPDATE {table.name} AS t SET {changes} WHERE {is_it} AND ({is_any})")  # noqa: S608
        self._table = table
        self._times = [rule.times for rule in rules if rule.times]

    def take(self, key: Mapping[str, Any], *rules: Rule, now: datetime) -> Row[Any] | None:
        """Count one more; return the new counts, or None if a rule refuses. Then the row is unchanged."""
        # One statement decides: to read first and write then would let parallel requests pass the limit (ADR 7).
        values: dict[str, Any] = {**key, "now": now}
        for rule in rules:
            values |= rule.parameters(now)
        taken = execute(self._take, values).first()
        if taken is None:
            self.repair(key, now=now)
        return taken

    def give_back(self, key: Mapping[str, Any], *, taken_at: datetime, step: int = 1) -> None:
        """Undo the count taken at `taken_at`; `step` is that of `InARow`. A window that opened later stays as it is."""
        values = {**key, "taken_at": taken_at, "taken_ms": milliseconds(taken_at), "step": step}
        execute(self._give_back, values)

    def clear(self, key: Mapping[str, Any]) -> None:
        """Delete the row."""
        execute_later(self._clear, key)

    def find(self, key: Mapping[str, Any]) -> Row[Any] | None:
        """Return the row as it stands."""
        return fetch_one(self._find, key)

    def repair(self, key: Mapping[str, Any], *, now: datetime) -> None:
        """End the wait of a row that refuses, if a clock that was ahead wrote it."""
        if (row := self.find(key)) is not None:
            wrong_clocks.repair(self._table, key, row._mapping, self._times, now)


def _upsert(
    table: str, keys: list[str], rules: tuple[Kept, ...], suffixes: tuple[str, ...] = ("",), returning: str = ""
) -> TextClause:
    """Return the statement as text: SQLAlchemy compiles one with ON CONFLICT each time that it runs (ADR 16).

    It has a row for each suffix, which the names of the row's keys have.
    """
    first = _merged(rule.first for rule in rules)
    rows = ", ".join(f"({', '.join([*(f':{name}{suffix}' for name in keys), *first.values()])})" for suffix in suffixes)
    return _timed(
        f"INSERT INTO {table} AS t ({', '.join([*keys, *first])}) VALUES {rows}"  # noqa: S608
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {_assignments(_merged(rule.again for rule in rules))}"
        f" WHERE {' AND '.join(rule.may_take for rule in rules)}"
        f" RETURNING {returning or ', '.join(rule.count for rule in rules)}"
    )


def _merged(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {column: sql for part in parts for column, sql in part.items()}


def _assignments(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{column} = {sql}" for column, sql in columns.items())


def _timed(sql: str) -> TextClause:
    """Give the times the type that both databases store alike."""
    names = [name for name in re.findall(r":(\w+)", sql) if name in _TIMES or name.startswith("cutoff_")]
    return text(sql).bindparams(*(bindparam(name, type_=UtcDateTime) for name in dict.fromkeys(names)))


class WindowParts:
    """The columns of a `SlidingWindow` besides its count and the start of its present part."""

    from_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    to_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    earlier: Mapped[int] = mapped_column(Integer, server_default="0")
    earlier_from_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    earlier_to_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")


class Counter(WindowParts, Model):
    """How often `name` happened to `subject` since the window opened. Subjects of people are keyed hashes or ids."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject: Mapped[str] = mapped_column(String(80), primary_key=True)
    window_started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    count: Mapped[int] = mapped_column(Integer)


@cache
def _take_several(number: int) -> TextClause:
    """Return the statement that counts so many allowances of different names."""
    suffixes = tuple(f"_{index}" for index in range(number))

    def of_row(value: str) -> str:
        return f"(CASE t.name {' '.join(f'WHEN :name{suffix} THEN :{value}{suffix}' for suffix in suffixes)} END)"

    kept = SlidingWindow.kept_in(
        count="count", started_at="window_started_at",
        limit=of_row("limit"), cutoff=of_row("cutoff"), left=of_row("left_ms"),
    )  # fmt: skip
    return _upsert("counters", ["name", "subject"], (kept,), suffixes, returning="name")


_COUNTERS = Tally(Counter, SlidingWindow.kept_in(count="count", started_at="window_started_at"))


@dataclass(frozen=True, slots=True)
class Allowance:
    """`limit` of `name` for one subject, within a window. A limit of 1 is a pause."""

    name: str
    subject: str
    limit: int
    window_seconds: int
    refusal: type[TooMany] = TooMany
    message: str | None = None

    @property
    def window(self) -> SlidingWindow:
        """The rule."""
        return SlidingWindow(self.limit, timedelta(seconds=self.window_seconds))

    @property
    def key(self) -> dict[str, str]:
        """The key of its row."""
        return {"name": self.name, "subject": self.subject}


def take(allowance: Allowance, *, now: datetime) -> None:
    """Count one more in the open transaction. Raises the refusal, which says how long to wait."""
    if not take_if_left(allowance, now=now):
        # The transaction rolls back what it took before: a refused request uses up none of its allowances.
        raise allowance.refusal(allowance.message, retry_after_seconds=seconds_until_open(allowance, now=now))


def take_all(allowances: Iterable[Allowance], *, now: datetime, beyond: Collection[str] = ()) -> None:
    """Count one more of each, in the open transaction and by one statement.

    Raises the refusal of the first that is full.
    Those whose names are `beyond` may be full, and are then not counted. The names must differ.
    """
    listed = tuple(allowances)
    refuse_full(listed, take_each(listed, now=now), beyond=beyond, now=now)


def refuse_full(
    allowances: Iterable[Allowance], taken: Collection[str], *, now: datetime, beyond: Collection[str] = ()
) -> None:
    """Raise the refusal of the first that `take_each` did not take, except those whose names are `beyond`."""
    for allowance in allowances:
        if allowance.name not in taken and allowance.name not in beyond:
            _COUNTERS.repair(allowance.key, now=now)
            raise allowance.refusal(allowance.message, retry_after_seconds=seconds_until_open(allowance, now=now))


def take_each(allowances: Collection[Allowance], *, now: datetime) -> frozenset[str]:
    """Count one more of each that is not full, in the open transaction; return the names of those."""
    values: dict[str, Any] = {"now": now, "now_ms": milliseconds(now)}
    for index, allowance in enumerate(allowances):
        # One order of rows in every statement: two that lock the same rows in another order could deadlock.
        row = {**allowance.key, **allowance.window.parameters(now)}
        values |= {f"{name}_{index}": row[name] for name in ("name", "subject", "limit", "cutoff", "left_ms")}
    if not allowances:
        return frozenset()
    return frozenset(row.name for row in execute(_take_several(len(allowances)), values))


def take_if_left(allowance: Allowance, *, now: datetime) -> bool:
    """Count one more in the open transaction, unless the limit is reached; return whether it was counted."""
    return _COUNTERS.take(allowance.key, allowance.window, now=now) is not None


def count_up(name: str, subject: str, window_seconds: int, *, now: datetime) -> tuple[int, int]:
    """Count one more without a limit, in the open transaction; return the counts of this part and the one before."""
    allowance = Allowance(name, subject, 2**31 - 1, window_seconds)
    take(allowance, now=now)
    row = _COUNTERS.find(allowance.key)
    return (row._mapping["count"], row.earlier) if row else (1, 0)  # a row has a method `count`


def give_back(allowance: Allowance, *, taken_at: datetime) -> None:
    """Undo the `take` of `taken_at`, in the open transaction: the event that it stands for did not happen."""
    _COUNTERS.give_back(allowance.key, taken_at=taken_at)


def clear(allowance: Allowance) -> None:
    """Forget all that was taken, in the open transaction."""
    _COUNTERS.clear(allowance.key)


def clear_subject(subject: str) -> None:
    """Forget every allowance of a subject, in the open transaction."""
    execute(delete(Counter).where(Counter.subject == subject))


def seconds_until_open(allowance: Allowance, *, now: datetime) -> float:
    """Return the seconds until a full window takes another count; 1 if it is not open."""
    row = _COUNTERS.find(allowance.key)
    left = allowance.window.seconds_left(row, count=row._mapping["count"], now=now) if row else 1.0
    return min(left, allowance.window_seconds)


def forget(before: datetime) -> int:
    """Delete the rows whose window opened before a time; return how many. No window is longer than a day."""
    return delete_in_batches(Counter, Counter.window_started_at < before)
