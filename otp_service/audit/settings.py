"""How long audit events are kept."""

from dataclasses import dataclass
from datetime import timedelta

from otp_service.config.reader import Reader

_DEFAULT_DAYS = 400
_MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """`kept_for` is the age at which an event is deleted."""

    kept_for: timedelta


def read_audit(read: Reader) -> AuditSettings:
    """Read AUDIT_RETENTION: days, with or without their unit."""
    return AuditSettings(timedelta(days=read.days("AUDIT_RETENTION", default=_DEFAULT_DAYS, high=_MOST_DAYS)))
