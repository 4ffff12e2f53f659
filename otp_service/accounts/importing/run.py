"""One import from its first line to its last: check everything, then write everything or nothing."""

from dataclasses import dataclass
from typing import Protocol

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
    """How an import went, in numbers of users. `imported` is 0 unless they are written now."""

    read: int
    good: int
    bad: int
    imported: int


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
        read = _gather(source, Sieve(default_region=settings().phone_default_region, now=now), spool, watcher)
        good, bad = spool.count, read - spool.count
        if plan.dry_run or (bad and not plan.skip_bad):
            return Outcome(read, good, bad, imported=0)
        facts = {"leftOut": bad, "source": source.kind}
        write(spool, now=now, facts=facts, on_batch=lambda count: watcher.has_written(count, good))
        return Outcome(read, good, bad, imported=good)


def _gather(source: Source, sieve: Sieve, spool: Spool, watcher: Watcher) -> int:
    """Put the good ones into the spool and tell of the bad ones; how many there were in all."""
    read = 0
    for batch in sieve.sift(source.items):
        for item in batch:
            if isinstance(item, Fault):
                watcher.found_bad(item)
            else:
                spool.add(item)
        read += len(batch)
        watcher.has_checked(read)
    return read
