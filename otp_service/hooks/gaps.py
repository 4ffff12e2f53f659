"""Which ids of the audit trail were seen: PostgreSQL gives ids out in order, and commits them in any order.

An id below the newest one may appear later, when its transaction ends. So what is missing is looked for again, until
its transaction must have ended or was rolled back (ADR 38). Pure rules: no database.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

KEPT = timedelta(minutes=15)
"""Longer than a transaction can hold an id: each statement of the service ends within a minute."""

MOST = 100
"""Gaps that one statement looks for. Above it, the span over all of them is read again."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Ids that are missing, both ends included, since a time."""

    first: int
    last: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """Every id up to `up_to` was seen, except those in the gaps. The gaps are in order."""

    up_to: int
    gaps: tuple[Gap, ...] = ()

    @property
    def oldest_unseen(self) -> int:
        """The smallest id that may still come."""
        return self.gaps[0].first if self.gaps else self.up_to + 1

    def after(self, ids: Iterable[int], *, cut_off_at: int | None, now: datetime) -> "Seen":
        """Return what is seen once a read of all that is unseen has returned these ids.

        `cut_off_at` is the last id of a read that stopped there, since it had found enough; None if it read all.
        """
        found = sorted(ids)
        newest = max((self.up_to, *found))
        unread = [*self.gaps, *([Gap(self.up_to + 1, newest, now)] if newest > self.up_to else [])]
        left = [gap for span in unread for gap in _without(span, found)]
        # Beyond the cut nothing was looked for: however old a gap there is, it is read once more.
        kept = [gap for gap in left if gap.since > now - KEPT or (cut_off_at is not None and gap.last > cut_off_at)]
        return Seen(newest, _few(kept))


def _without(span: Gap, found: list[int]) -> Iterable[Gap]:
    """Yield what is left of a span without the ids that were found in it."""
    start = span.first
    for number in (number for number in found if span.first <= number <= span.last):
        if number > start:
            yield Gap(start, number - 1, span.since)
        start = number + 1
    if start <= span.last:
        yield Gap(start, span.last, span.since)


def _few(gaps: list[Gap]) -> tuple[Gap, ...]:
    """Return the gaps, or one span over all of them: an event that is seen twice is stored once."""
    if len(gaps) <= MOST:
        return tuple(gaps)
    return (Gap(gaps[0].first, gaps[-1].last, max(gap.since for gap in gaps)),)
