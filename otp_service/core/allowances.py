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
from typing import Any, Protocol, cast

from sqlalchemy import BigInteger, Integer, Row, String, Table, TextClause, bindparam, delete, select, text
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core import wrong_clocks
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.transactions import UtcDateTime, execute, fetch_one
from otp_service.core.errors import TooMany
from otp_service.core.wrong_clocks import Times
from otp_service.extensions import Base, Model

HOUR = 3_600
DAY = 86_400
DOUBLINGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where a rule keeps its count, and what it does there, as SQL; `t` is the row as it stands."""

    count: str
    first: Mapping[str, str]
    again: Mapping[str, str]
    may_take: str
    given_back: Mapping[str, str]
    may_give_back: str
    times: Times = ()


class Rule(Protocol):
    """A rule with its numbers filled in."""

    def parameters(self, now: datetime) -> dict[str, Any]:
        """Return the values that the SQL of the rule names."""


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """At most `limit` counts in any `length`, by two weighted parts (ADR 7).

    The first count opens a part. When its time is over, it becomes the earlier part, whose counts are taken as spread
    evenly between its first and its last: those that the window has left behind no longer count.
    """

    limit: int
    length: timedelta

    @staticmethod
    def kept_in(
        *, count: str, started_at: str, limit: str = ":limit", cutoff: str = ":cutoff", left: str = ":left_ms"
    ) -> Kept:
        """Name the columns of the rule, and the SQL of its numbers."""
        over = f"(t.{started_at} <= {cutoff})"
        is_new = f"({over} OR t.{count} = 0)"
        is_same = f"(t.{started_at} <= :taken_at AND t.{count} > 0)"  # a part that opened later lost no count
        is_earlier = f"(NOT {is_same} AND t.earlier > 0 AND :taken_ms BETWEEN t.earlier_from_ms AND t.earlier_to_ms)"
        now_left = _still_counts(f"t.{count}", "t.from_ms", "t.to_ms", left)
        earlier_left = _still_counts("t.earlier", "t.earlier_from_ms", "t.earlier_to_ms", left)
        moved = f"t.{count} > 0 AND {over}"
        return Kept(
            count=count,
            first={count: "1", started_at: ":now", "from_ms": ":now_ms", "to_ms": ":now_ms"},
            again={
                count: f"CASE WHEN {is_new} THEN 1 ELSE t.{count} + 1 END",
                # Parallel requests may arrive in another order than they read the clock. A part never starts later
                # than a count in it: `give_back` relies on that.
                started_at: f"CASE WHEN {is_new} OR t.{started_at} > :now THEN :now ELSE t.{started_at} END",
                "from_ms": f"CASE WHEN {is_new} OR t.from_ms > :now_ms THEN :now_ms ELSE t.from_ms END",
                "to_ms": f"CASE WHEN {is_new} OR t.to_ms < :now_ms THEN :now_ms ELSE t.to_ms END",
                "earlier": f"CASE WHEN {moved} THEN t.{count} ELSE t.earlier END",
                "earlier_from_ms": f"CASE WHEN {moved} THEN t.from_ms ELSE t.earlier_from_ms END",
                "earlier_to_ms": f"CASE WHEN {moved} THEN t.to_ms ELSE t.earlier_to_ms END",
            },
            may_take=f"(CASE WHEN {moved} THEN {now_left} ELSE {earlier_left} + t.{count} END < {limit})",
            given_back={
                count: f"CASE WHEN {is_same} THEN t.{count} - 1 ELSE t.{count} END",
                "earlier": f"CASE WHEN {is_earlier} THEN t.earlier - 1 ELSE t.earlier END",
            },
            may_give_back=f"({is_same} OR {is_earlier})",
            times=("to_ms", started_at, "from_ms", "earlier_from_ms", "earlier_to_ms"),
        )

    def parameters(self, now: datetime) -> dict[str, Any]:
        """Return the values that the SQL of the rule names."""
        cutoff = now - self.length
        return {"limit": self.limit, "cutoff": cutoff, "left_ms": milliseconds(cutoff), "now_ms": milliseconds(now)}

    def seconds_left(self, row: Row[Any], *, count: int, now: datetime) -> float:
        """Return the seconds until a row that refuses a count would take one, at least 1."""
        length, started = int(self.length.total_seconds() * 1000), milliseconds(row.window_started_at)
        if count < self.limit:
            count, first, last, free = row.earlier, row.earlier_from_ms, row.earlier_to_ms, self.limit - 1 - count
        else:
            first, last, free = row.from_ms, row.to_ms, self.limit - 1
        opens = last + length - (last - first) * free // count if count else 0
        opens = max(opens, started + length) if free == self.limit - 1 else opens
        return max(1.0, (opens - milliseconds(now)) / 1000)


def _still_counts(count: str, first: str, last: str, left: str) -> str:
    """Return the SQL of how many counts the window has not left behind at `left`, rounded up."""
    return (
        f"CASE WHEN {count} = 0 OR {last} <= {left} THEN 0 WHEN {first} >= {left} THEN {count}"
        f" ELSE ({count} * ({last} - {left}) + ({last} - {first}) - 1) / ({last} - {first}) END"
    )


def milliseconds(time: datetime) -> int:
    """Return a time in milliseconds since 1970: databases divide numbers alike, but not times."""
    return int(time.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class InARow:
    """At most `limit` counts until the row is cleared. With `step=0` a full row still refuses, but does not grow."""

    limit: int
    step: int = 1

    @staticmethod
    def kept_in(*, count: str) -> Kept:
        """Name the column of the rule."""
        return Kept(
            count=count,
            first={count: ":step"},  # no limit is below 1, so the first count never needs a check
            again={count: f"t.{count} + :step"},
            may_take=f"t.{count} < :limit_in_a_row",
            given_back={count: f"CASE WHEN t.{count} > 0 THEN t.{count} - :step ELSE 0 END"},
            may_give_back=f"t.{count} > 0",
        )

    def parameters(self, now: datetime) -> dict[str, Any]:  # noqa: ARG002 - it knows no time
        """Return the values that the SQL of the rule names."""
        return {"limit_in_a_row": self.limit, "step": self.step}


@dataclass(frozen=True, slots=True, kw_only=True)
class DoublingWait:
    """From the failure `starts_at` on the next try waits: `first`, then twice as long each time, at most `longest`.

    The wait doubles at most DOUBLINGS times. Failures are forgotten `forgotten_after` the last one.
    """

    starts_at: int
    first: timedelta
    longest: timedelta
    forgotten_after: timedelta

    @staticmethod
    def kept_in(*, failures: str, last_failed_at: str, waits_until: str) -> Kept:
        """Name the columns of the rule."""
        failed = f"CASE WHEN t.{last_failed_at} <= :forgotten THEN 1 ELSE t.{failures} + 1 END"
        return Kept(
            count=failures,
            first={failures: "1", last_failed_at: ":now", waits_until: _wait_after("1")},
            again={failures: failed, last_failed_at: ":now", waits_until: _wait_after(f"({failed})")},
            # Below `starts_at` every try may be counted: of parallel tries, the one that read the clock first may be
            # counted last, and must not be refused for that.
            may_take=f"(t.{failures} < :starts_at OR t.{waits_until} <= :now)",
            # The try that was given back may have started the wait: end it.
            given_back={failures: f"t.{failures} - 1", waits_until: ":taken_at"},
            may_give_back=f"t.{failures} > 0",
            times=(last_failed_at, waits_until),
        )

    def parameters(self, now: datetime) -> dict[str, Any]:
        """Return the values that the SQL of the rule names."""
        waits = {f"wait_{n}": now + min(self.first * (1 << n), self.longest) for n in range(DOUBLINGS + 1)}
        return {"starts_at": self.starts_at, "forgotten": now - self.forgotten_after, **waits}


def _wait_after(failures: str) -> str:
    """Return the SQL of the time until which the next try waits."""
    doubled = " ".join(f"WHEN {n} THEN :wait_{n}" for n in range(DOUBLINGS))
    return (
        f"CASE WHEN {failures} < :starts_at THEN :now"
        f" ELSE CASE {failures} - :starts_at {doubled} ELSE :wait_{DOUBLINGS} END END"
    )


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
        execute(self._clear, key)

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
    taken = take_each(listed, now=now)
    for allowance in listed:
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
    left = allowance.window.seconds_left(row, count=row.count, now=now) if row else 1.0  # type: ignore[arg-type]
    return min(left, allowance.window_seconds)


def forget(before: datetime) -> int:
    """Delete the rows whose window opened before a time; return how many. No window is longer than a day."""
    return delete_in_batches(Counter, Counter.window_started_at < before)
