"""The rules of counting, as SQL: a window that slides, a number in a row, and a wait that doubles (ADR 7, ADR 37)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Row

from otp_service.core.wrong_clocks import Times

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
