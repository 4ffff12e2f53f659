"""Runs one import: reads and validates the whole source, then writes all users or none."""

from dataclasses import dataclass
from typing import Protocol

from otp_service.accounts.importing.columns import Fault
from otp_service.accounts.importing.sources import Source
from otp_service.accounts.importing.staging import Staging, write
from otp_service.accounts.importing.validation import Validator
from otp_service.core import clock
from otp_service.core.crypto.hashing import cost_of
from otp_service.core.services import settings


@dataclass(frozen=True, slots=True)
class Plan:
    """`dry_run` validates and writes no user. `skip_bad` imports the valid users although others are not."""

    dry_run: bool = False
    skip_bad: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an import, in numbers of users. `imported` is 0 unless users were written.

    `costlier` users have password hashes of a cost above ours, up to `highest_cost`. A failed sign-in takes longer for
    them than for an unknown address, which reveals that they exist.
    """

    read: int
    good: int
    bad: int
    imported: int
    costlier: int = 0
    highest_cost: int = 0


@dataclass(slots=True)
class _Tally:
    """What is counted while the source is read."""

    read: int = 0
    costlier: int = 0
    highest_cost: int = 0

    def add(self, password_hash: str) -> None:
        """Count the cost of a valid user's hash."""
        cost = cost_of(password_hash) or 0
        self.costlier += cost > settings().passwords.salt_rounds
        self.highest_cost = max(self.highest_cost, cost)


class Observer(Protocol):
    """Follows the progress of an import."""

    def found_bad(self, fault: Fault) -> None:
        """Note a user that cannot be imported."""

    def has_validated(self, count: int) -> None:
        """Note how many users were validated so far, bad ones included."""

    def has_written(self, count: int, total: int) -> None:
        """Note how many users are written to the open transaction."""


def run(source: Source, plan: Plan, observer: Observer) -> Outcome:
    """Import the users of `source`. Raises SourceError, and then no user was imported."""
    now = clock.now()
    with Staging() as staged:
        validator = Validator(default_region=settings().codes.phone_default_region, now=now)
        # Everything is validated before the first user is written: a source is imported whole or not at all, and the
        # operator sees all of its faults in one run. No transaction is open while a slow source is read.
        seen = _stage(source, validator, staged, observer)
        good, bad = staged.count, seen.read - staged.count
        costs = {"costlier": seen.costlier, "highest_cost": seen.highest_cost}
        if plan.dry_run or (bad and not plan.skip_bad):
            return Outcome(seen.read, good, bad, imported=0, **costs)
        facts = {"leftOut": bad, "source": source.kind}
        write(staged, now=now, facts=facts, on_batch=lambda count: observer.has_written(count, good))
        return Outcome(seen.read, good, bad, imported=good, **costs)


def _stage(source: Source, validator: Validator, staged: Staging, observer: Observer) -> _Tally:
    """Stage the valid users and report the others."""
    seen = _Tally()
    for batch in validator.validate(source.items):
        for item in batch:
            if isinstance(item, Fault):
                observer.found_bad(item)
            else:
                staged.add(item)
                seen.add(item.password_hash)
        seen.read += len(batch)
        observer.has_validated(seen.read)
    return seen
