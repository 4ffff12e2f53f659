"""How often something may happen: the one engine that counts, in rows that no crash or flushed cache forgets (ADR 7).

Three rules exist: `FixedWindow`, `InARow` and `DoublingWait`. A `Tally` applies one or more of them to the rows of a
table; the feature that owns the table keeps the policy. An `Allowance` is a named fixed window in the table `counters`.

Every `take` is one upsert whose WHERE clause holds the limits, so of parallel takes exactly as many win as may.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

from sqlalchemy import Integer, Row, String, Table, TextClause, bindparam, delete, select, text
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.transactions import UtcDateTime, execute, fetch_one, transaction
from otp_service.core.errors import TooMany
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


class Rule(Protocol):
    """A rule with its numbers filled in."""

    def parameters(self, now: datetime) -> dict[str, Any]:
        """Return the values that the SQL of the rule names."""


@dataclass(frozen=True, slots=True)
class FixedWindow:
    """At most `limit` counts in the window that the first one opens."""

    limit: int
    length: timedelta

    @staticmethod
    def kept_in(*, count: str, started_at: str) -> Kept:
        """Name the columns of the rule."""
        is_over = f"(t.{started_at} <= :cutoff OR t.{count} = 0)"
        is_same = f"t.{started_at} <= :taken_at AND t.{count} > 0"  # a window that opened later lost no count
        return Kept(
            count=count,
            first={count: "1", started_at: ":now"},
            again={
                count: f"CASE WHEN {is_over} THEN 1 ELSE t.{count} + 1 END",
                # Parallel requests may arrive in another order than they read the clock. A window never starts later
                # than a count in it: `give_back` relies on that.
                started_at: f"CASE WHEN {is_over} OR t.{started_at} > :now THEN :now ELSE t.{started_at} END",
            },
            may_take=f"({is_over} OR t.{count} < :limit)",
            given_back={count: f"CASE WHEN {is_same} THEN t.{count} - 1 ELSE t.{count} END"},
            may_give_back=f"({is_same})",
        )

    def parameters(self, now: datetime) -> dict[str, Any]:
        """Return the values that the SQL of the rule names."""
        return {"limit": self.limit, "cutoff": now - self.length}

    def seconds_left(self, started_at: datetime, *, now: datetime) -> float:
        """Return the seconds until a full window ends, at least 1."""
        return max(1.0, (started_at + self.length - now).total_seconds())


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

    def take(self, key: Mapping[str, Any], *rules: Rule, now: datetime) -> Row[Any] | None:
        """Count one more; return the new counts, or None if a rule refuses. Then the row is unchanged."""
        # One statement decides: to read first and write then would let parallel requests pass the limit (ADR 7).
        values: dict[str, Any] = {**key, "now": now}
        for rule in rules:
            values |= rule.parameters(now)
        return execute(self._take, values).first()

    def give_back(self, key: Mapping[str, Any], *, taken_at: datetime, step: int = 1) -> None:
        """Undo the count taken at `taken_at`; `step` is that of `InARow`. A window that opened later stays as it is."""
        execute(self._give_back, {**key, "taken_at": taken_at, "step": step})

    def clear(self, key: Mapping[str, Any]) -> None:
        """Delete the row."""
        execute(self._clear, key)

    def find(self, key: Mapping[str, Any]) -> Row[Any] | None:
        """Return the row as it stands."""
        return fetch_one(self._find, key)


def _upsert(table: str, keys: list[str], rules: tuple[Kept, ...]) -> TextClause:
    """Return the statement as text: SQLAlchemy compiles one with ON CONFLICT each time that it runs (ADR 16)."""
    first = {**{name: f":{name}" for name in keys}, **_merged(rule.first for rule in rules)}
    return _timed(
        f"INSERT INTO {table} AS t ({', '.join(first)}) VALUES ({', '.join(first.values())})"  # noqa: S608
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {_assignments(_merged(rule.again for rule in rules))}"
        f" WHERE {' AND '.join(rule.may_take for rule in rules)}"
        f" RETURNING {', '.join(rule.count for rule in rules)}"
    )


def _merged(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {column: sql for part in parts for column, sql in part.items()}


def _assignments(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{column} = {sql}" for column, sql in columns.items())


def _timed(sql: str) -> TextClause:
    """Give the times the type that both databases store alike."""
    return text(sql).bindparams(*(bindparam(name, type_=UtcDateTime) for name in _TIMES if f":{name}" in sql))


class Counter(Model):
    """How often `name` happened to `subject` since the window opened. Subjects of people are keyed hashes or ids."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject: Mapped[str] = mapped_column(String(80), primary_key=True)
    window_started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    count: Mapped[int] = mapped_column(Integer)


_COUNTERS = Tally(Counter, FixedWindow.kept_in(count="count", started_at="window_started_at"))


@dataclass(frozen=True, slots=True)
class Allowance:
    """`limit` of `name` for one subject, within the window that the first one opens. A limit of 1 is a pause."""

    name: str
    subject: str
    limit: int
    window_seconds: int
    refusal: type[TooMany] = TooMany
    message: str | None = None

    @property
    def window(self) -> FixedWindow:
        """The rule."""
        return FixedWindow(self.limit, timedelta(seconds=self.window_seconds))

    @property
    def key(self) -> dict[str, str]:
        """The key of its row."""
        return {"name": self.name, "subject": self.subject}


def take(allowance: Allowance, *, now: datetime) -> None:
    """Count one more in the open transaction. Raises the refusal, which says how long to wait."""
    if not take_if_left(allowance, now=now):
        # The transaction rolls back what it took before: a refused request uses up none of its allowances.
        raise allowance.refusal(allowance.message, retry_after_seconds=seconds_until_open(allowance, now=now))


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
    """Return the seconds until the window ends; 1 if it is not open."""
    row = _COUNTERS.find(allowance.key)
    return allowance.window.seconds_left(row.window_started_at, now=now) if row else 1.0


def forget(before: datetime) -> int:
    """Delete the rows whose window opened before a time; return how many. No window is longer than a day."""
    with transaction():
        return int(execute(delete(Counter).where(Counter.window_started_at < before)).rowcount)
