"""Folds what became of verifications into the totals, each change exactly once (ADR 52).

What is younger than two hours is looked at in each run. A short pass over the last 26 hours begins every hour, and a
whole one over all that is stored every day: late outcomes and corrected prices change the hour of their message.
The first whole pass after an upgrade fills the totals.
"""

import time
from datetime import datetime, timedelta

import phonenumbers
from phonenumbers import region_code_for_country_code

from otp_service.core import clock, phone
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.fraud import range_of
from otp_service.fraud.refused import Refusals, oldest_refusal, refused_between
from otp_service.insights import records
from otp_service.insights.records import COUNTERS, Difference, Subject
from otp_service.insights.settings import InsightSettings
from otp_service.verifications import counted, owners
from otp_service.verifications.counted import Change, Count

RECENT, SHORT = timedelta(hours=2), timedelta(hours=26)
SHORT_EVERY, WHOLE_EVERY = timedelta(hours=1), timedelta(days=1)
SLICE = timedelta(hours=1)
BATCH = 2_000
MOST_SPANS = 48
"""Hours with refusals that one run folds."""

REFUSALS_SETTLE = timedelta(seconds=30)
"""How long after its end a minute still may get refusals: each is written after its request was rolled back."""
PEOPLE = "people"
WORK_SECONDS = 5.0
"""How long one run goes on with a pass, so that what is new is looked at in between."""


def fold() -> None:
    """Fold what is new, then a part of the pass that is due. Safe to kill at any point."""
    now = clock.now()
    _fold(now - RECENT, now + SLICE)
    _fold_refusals(now)
    ends = time.monotonic() + WORK_SECONDS
    while _go_on(now) and time.monotonic() < ends:
        pass


def _fold(start: datetime, end: datetime) -> None:
    while _fold_batch(start, end) == BATCH:
        pass


def _fold_batch(start: datetime, end: datetime) -> int:
    """Fold the changes of a span; return how many. One transaction has the totals and what counts, or neither."""
    with transaction():
        records.take_turn(now=clock.now())
        changes = counted.changes(start, end, limit=BATCH)
        records.add(map(_difference, changes))
        counted.remember(changes)
    return len(changes)


def _fold_refusals(now: datetime) -> None:
    """Add the refusals of the minutes that are over, and note with them until when they are counted."""
    end = (now - REFUSALS_SETTLE).replace(second=0, microsecond=0)
    for _ in range(MOST_SPANS):
        with transaction():
            records.take_turn(now=clock.now())
            reached = records.progress()
            if reached is None:
                return
            start = oldest_refusal(reached.refusals_until or now - settings().of(InsightSettings).kept_for) or end
            until = min(start + SLICE, end)
            # Also without any, or the next run would look through the same rows.
            records.go_on(refusals_until=max(until, reached.refusals_until or until))
            if until <= start:
                return
            records.add(map(_refused, refused_between(start, until)))


def _refused(refusals: Refusals) -> Difference:
    # No message was made, so there is neither a provider nor an owner.
    subject = Subject(_country(refusals.number), range_of(refusals.number), refusals.channel, "", "")
    return Difference(refusals.at, subject, {"blocked" if refusals.is_blocked else "refused": refusals.times})


def _country(number: str) -> str:
    found = phone.parse(number)
    # The first number of a block need not be valid.
    return found.country if found else region_code_for_country_code(phonenumbers.parse(number).country_code or 0)


def _difference(change: Change) -> Difference:
    owner = _owner(change.owner)
    subject = Subject(change.country, range_of(change.phone_number), change.channel, change.provider, owner)
    counts = _counts(change.now)
    if change.before is not None:
        counts = {name: counts[name] - number for name, number in _counts(change.before).items()}
    return Difference(change.at, subject, counts)


def _counts(count: Count) -> dict[str, int]:
    counts = dict.fromkeys(COUNTERS, 0) | {"sends": count.sent, "spend": count.spend}
    return counts | ({count.state: 1} if count.state in COUNTERS else {})


def _owner(name: str) -> str:
    app = owners.find_app(name)
    return PEOPLE if app is None else f"app:{app}"


def _go_on(now: datetime) -> bool:
    """Fold the next hour of the pass; return whether there is more."""
    found = records.progress()
    if found is None:
        return False
    if found.next_at is None:
        return _begin(now)
    # Hours without a message cost nothing.
    start = counted.first_from(found.next_at)
    is_over = start is None or start >= now - RECENT
    if start is not None and not is_over:
        _fold(start, start + SLICE)
    with transaction():
        records.take_turn(now=clock.now())
        reached = records.progress()
        # Another worker may have gone on meanwhile, or have begun a pass that this hour says little about.
        if reached is not None and reached.next_at == found.next_at:
            records.go_on(next_at=None if start is None or is_over else start + SLICE)
    return not is_over


def _begin(now: datetime) -> bool:
    """Begin the pass that is due; return whether one is, of this worker or another one."""
    with transaction():
        records.take_turn(now=clock.now())
        found = records.progress()
        if found is None or found.next_at is not None:
            return found is not None
        if found.whole_began_at is None or found.whole_began_at <= now - WHOLE_EVERY:
            start = now - settings().of(InsightSettings).kept_for
            records.go_on(next_at=start, whole_began_at=now, short_began_at=now)
        elif found.short_began_at is None or found.short_began_at <= now - SHORT_EVERY:
            records.go_on(next_at=now - SHORT, short_began_at=now)
        else:
            return False
    return True
