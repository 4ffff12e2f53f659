"""The settings of recovery."""

from dataclasses import dataclass
from datetime import timedelta

from otp_service.config.reader import Reader

HOUR = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverySettings:
    """After a reset by the phone alone, the phone is no second factor for the time of `hold` (ADR 32)."""

    hold: timedelta


def read_recovery(read: Reader) -> RecoverySettings:
    """Read RECOVERY_HOLD."""
    seconds = read.duration("RECOVERY_HOLD", default=72 * HOUR, low=HOUR, high=30 * 24 * HOUR)
    return RecoverySettings(hold=timedelta(seconds=seconds))
