"""The settings of what people do with their own accounts."""

from dataclasses import dataclass
from datetime import timedelta

from otp_service.config.reader import Reader

LONGEST_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionSettings:
    """How long a deletion waits, so that a sign-in can undo it; zero erases at once."""

    delay: timedelta


def read_deletion(read: Reader) -> DeletionSettings:
    """Read ACCOUNT_DELETION_DAYS."""
    days = read.integer("ACCOUNT_DELETION_DAYS", default=7, low=0, high=LONGEST_DAYS)
    return DeletionSettings(delay=timedelta(days=days))
