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
    text = read.text("AUDIT_RETENTION", default=str(_DEFAULT_DAYS))
    digits = text.removesuffix("d")
    days = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 9 else 0  # noqa: PLR2004 - no overflow
    if not 1 <= days <= _MOST_DAYS:
        read.fault("AUDIT_RETENTION", f"holds {text!r}", f"hold 1 to {_MOST_DAYS} days")
        days = _DEFAULT_DAYS
    return AuditSettings(timedelta(days=days))
