"""Reads and writes the totals and the progress of the passes (ADR 52)."""

from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection
from otp_service.core.database.transactions import execute, fetch_one, transaction, upsert
from otp_service.insights.models import DAY, DAY_BY_PREFIX, HOUR, HOUR_BY_PREFIX, PASSES, InsightPass, InsightTotal

COUNTERS = ("sends", "verified", "failed", "expired", "superseded", "undelivered", "refused", "blocked", "spend")

_KEYS = ("grain", "at", "country", "prefix", "channel", "provider", "owner")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a total is about, besides its time."""

    country: str
    prefix: str
    channel: str
    provider: str
    owner: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be added to the totals of a time and a subject, by the names of counters."""

    at: datetime
    subject: Subject
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the passes over older verifications came, and until when refusals are counted."""

    folded_at: datetime
    refusals_until: datetime | None
    next_at: datetime | None
    short_began_at: datetime | None
    whole_began_at: datetime | None


_PROGRESS = Projection(Progress, InsightPass)


def add(differences: Iterable[Difference]) -> None:
    """Add to the totals, in the open transaction."""
    sums: dict[tuple[Any, ...], dict[str, int]] = {}
    for difference in differences:
        for key in _keys_of(difference):
            total = sums.setdefault(key, dict.fromkeys(COUNTERS, 0))
            for name, number in difference.counts.items():
                total[name] += number
    rows = [dict(zip(_KEYS, key, strict=True)) | total for key, total in sorted(sums.items())]
    statement = upsert(InsightTotal)
    added = {name: getattr(InsightTotal, name) + statement.excluded[name] for name in COUNTERS}
    if rows:
        with transaction() as session:
            session.connection().execute(statement.on_conflict_do_update(index_elements=list(_KEYS), set_=added), rows)


def _keys_of(difference: Difference) -> Iterable[tuple[Any, ...]]:
    hour = difference.at.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    subject = asdict(difference.subject)
    every = tuple((subject | {"prefix": ""}).values())
    for grain, at, about in (
        (HOUR, hour, every),
        (DAY, day, every),
        (HOUR_BY_PREFIX, hour, astuple(difference.subject)),
        (DAY_BY_PREFIX, day, astuple(difference.subject)),
    ):
        yield (grain, at, *about)


def take_turn(*, now: datetime) -> None:
    """Queue for the row of the passes, first thing in a transaction: two workers must not count one change twice."""
    statement = upsert(InsightPass).values(id=PASSES, folded_at=now)
    execute(statement.on_conflict_do_update(index_elements=["id"], set_={"folded_at": now}))


def progress() -> Progress | None:
    """Return how far the passes came; None before the first fold."""
    return _PROGRESS.find(fetch_one(_PROGRESS.select().where(InsightPass.id == PASSES)))


def go_on(**reached: datetime | None) -> None:
    """Store the named parts of how far the passes came, in the open transaction, after `take_turn`.

    The others stay: another worker may have gone on with them.
    """
    execute(update(InsightPass).where(InsightPass.id == PASSES).values(**reached))


def forget(before: datetime) -> int:
    """Delete the totals of hours and days before a time; return how many."""
    return delete_in_batches(InsightTotal, InsightTotal.at < before - timedelta(days=1))
