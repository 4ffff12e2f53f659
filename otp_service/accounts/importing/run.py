"""One import from its first line to its last: check everything, then write everything or nothing."""

from dataclasses import dataclass
from typing import Protocol

from otp_service.accounts.importing import hash_formats
from otp_service.accounts.importing.records import Fault
from otp_service.accounts.importing.sifting import Sieve
from otp_service.accounts.importing.sources import Source
from otp_service.accounts.importing.spool import Spool
from otp_service.accounts.importing.writing import write
from otp_service.core import clock
from otp_service.core.settings import settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: with `dry_run` everything but the writing, with `skip_bad` the good ones at least."""

    dry_run: bool = False
    skip_bad: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an import went, in numbers of users. `imported` is 0 unless they are written now.

    `dearer` have hashes of a cost above ours, up to `highest_cost`: their failed sign-ins take longer than those of
    people who do not exist, and so show that they do.
    """

    read: int
    good: int
    bad: int
    imported: int
    dearer: int = 0
    highest_cost: int = 0


@dataclass(slots=True)
class _Tally:
    """What is counted while the source is read."""

    read: int = 0
    dearer: int = 0
    highest_cost: int = 0

    def add(self, password_hash: str) -> None:
        """Look at the hash of a good user."""
        cost = hash_formats.cost_of(password_hash)
        self.dearer += cost > settings().password_salt_rounds
        self.highest_cost = max(self.highest_cost, cost)


class Watcher(Protocol):
    """Whoever is told how an import goes on."""

    def found_bad(self, fault: Fault) -> None:
        """A user cannot be imported."""

    def has_checked(self, count: int) -> None:
        """So many users were looked at, the bad ones among them."""

    def has_written(self, count: int, total: int) -> None:
        """So many users of all are in the open transaction."""


def run(source: Source, plan: Plan, watcher: Watcher) -> Outcome:
    """Import the users of `source`. Raises SourceError, after which nothing is imported."""
    now = clock.now()
    with Spool() as spool:
        seen = _gather(source, Sieve(default_region=settings().phone_default_region, now=now), spool, watcher)
        good, bad = spool.count, seen.read - spool.count
        costs = {"dearer": seen.dearer, "highest_cost": seen.highest_cost}
        if plan.dry_run or (bad and not plan.skip_bad):
            return Outcome(seen.read, good, bad, imported=0, **costs)
        facts = {"leftOut": bad, "source": source.kind}
        write(spool, now=now, facts=facts, on_batch=lambda count: watcher.has_written(count, good))
        return Outcome(seen.read, good, bad, imported=good, **costs)


def _gather(source: Source, sieve: Sieve, spool: Spool, watcher: Watcher) -> _Tally:
    """Put the good ones into the spool and tell of the bad ones."""
    seen = _Tally()
    for batch in sieve.sift(source.items):
        for item in batch:
            if isinstance(item, Fault):
                watcher.found_bad(item)
            else:
                spool.add(item)
                seen.add(item.password_hash)
        seen.read += len(batch)
        watcher.has_checked(seen.read)
    return seen
