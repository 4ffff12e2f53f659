"""Answers what an operator asks of the totals: sums over a span, by one or more dimensions (ADR 52)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select

from otp_service.core.database.transactions import fetch_all
from otp_service.core.errors import InvalidInput
from otp_service.core.services import settings
from otp_service.insights import records
from otp_service.insights.models import DAY, DAY_BY_PREFIX, HOUR, HOUR_BY_PREFIX, InsightTotal
from otp_service.insights.records import COUNTERS
from otp_service.spending.money import amount_of
from otp_service.spending.settings import SpendSettings

DIMENSIONS = ("hour", "country", "prefix", "channel", "provider", "owner")
USUAL_DIMENSIONS = ("country",)
USUAL_SPAN = timedelta(days=1)
LONGEST = {(): 400, ("hour",): 31, ("prefix",): 100, ("hour", "prefix"): 3}
"""The longest span in days, by those of the two dimensions that read many rows."""

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
"""The years that a question can be about: at the ends of the calendar, hours cannot be added or zones changed."""

_HOUR = timedelta(hours=1)
_COLUMNS = {"hour": InsightTotal.at, **{name: getattr(InsightTotal, name) for name in DIMENSIONS[1:]}}
_SUMS = tuple(func.coalesce(func.sum(getattr(InsightTotal, name)), 0).label(name) for name in COUNTERS)


@dataclass(frozen=True, slots=True)
class Question:
    """A span of whole hours, the dimensions, and the most rows."""

    start: datetime
    end: datetime
    by: Sequence[str]
    limit: int


def ask(
    *, start: datetime | None, end: datetime | None, by: Sequence[str] | None, limit: int, now: datetime
) -> Question:
    """Return the question, its span widened to whole hours; the last 24 hours by default. Raises InvalidInput."""
    by = by or USUAL_DIMENSIONS
    for name, moment in (("from", start), ("to", end)):
        if moment is not None and not EARLIEST <= moment < LATEST:
            raise InvalidInput(fields={name: ["Provide a time from the year 2000 to 2999."]})
    end = _whole_hour((end or now) + _HOUR - timedelta(microseconds=1))
    start = _whole_hour(start or end - USUAL_SPAN)
    longest = LONGEST[tuple(name for name in ("hour", "prefix") if name in by)]
    if start >= end:
        raise InvalidInput(fields={"from": ["Provide a time before to."]})
    if end - start > timedelta(days=longest):
        raise InvalidInput(fields={"from": [f"Provide a time at most {longest} days before to."]})
    return Question(start, end, tuple(by), limit)


def report(question: Question) -> dict[str, Any]:
    """Return the sums of each group, those with the most sends first, and the sum of all."""
    columns = [_COLUMNS[name].label(name) for name in question.by]
    is_within = _span(question)
    order = [func.sum(InsightTotal.sends + InsightTotal.refused).desc(), *(_COLUMNS[name] for name in question.by)]
    statement = select(*columns, *_SUMS).where(is_within).group_by(*(_COLUMNS[name] for name in question.by))
    rows = fetch_all(statement.order_by(*order).limit(question.limit + 1))
    is_cut = len(rows) > question.limit
    # The sum of all groups is at hand unless some are missing.
    total = _sum(fetch_all(select(*_SUMS).where(is_within)) if is_cut else rows)
    progress = records.progress()
    return {
        "start": question.start,
        "end": question.end,
        "by": list(question.by),
        "currency": settings().of(SpendSettings).currency,
        "as_of": progress.folded_at if progress else None,
        "total": _shown(total),
        "rows": [
            {name: getattr(row, name) for name in question.by} | _shown(_sum([row])) for row in rows[: question.limit]
        ],
        "truncated": is_cut,
    }


def _sum(rows: Sequence[Row[Any]]) -> dict[str, int]:
    return {name: sum(int(getattr(row, name)) for row in rows) for name in COUNTERS}


def _shown(counts: dict[str, int]) -> dict[str, Any]:
    conversion = round(counts["verified"] / counts["sends"], 4) if counts["sends"] else None
    return {**counts, "spend": f"{amount_of(counts['spend']):.4f}", "conversion": conversion}


def _span(question: Question) -> ColumnElement[bool]:
    """Select whole days by their day, and the rest by hours: a year has few days and many hours."""
    at, start, end = InsightTotal.at, question.start, question.end
    first, last = _whole_day(start + timedelta(days=1) - timedelta(microseconds=1)), _whole_day(end)
    hour, day = (HOUR_BY_PREFIX, DAY_BY_PREFIX) if "prefix" in question.by else (HOUR, DAY)
    by_hour = InsightTotal.grain == hour
    if "hour" in question.by or first >= last:
        return by_hour & (at >= start) & (at < end)
    by_day = (InsightTotal.grain == day) & (at >= first) & (at < last)
    return by_day | (by_hour & (at >= start) & (at < first)) | (by_hour & (at >= last) & (at < end))


def _whole_hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _whole_day(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
