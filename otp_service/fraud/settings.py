"""Whether the guard acts on what it decides, and how long its history is kept."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from otp_service.config.reader import Reader

_MONTH_DAYS = 31
_MOST_DAYS = 400


class Mode(StrEnum):
    """How much of what the guard decides is carried out.

    DESTINATIONS is the default: it carries out what the conversion of a range of numbers shows, and only records the
    rest.
    """

    OFF = "off"
    SHADOW = "shadow"
    DESTINATIONS = "destinations"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudSettings:
    """`kept_for` is the age at which a recorded decision is deleted."""

    mode: Mode
    kept_for: timedelta


def read_fraud(read: Reader) -> FraudSettings:
    """Read FRAUD_MODE and FRAUD_RETENTION."""
    named = (Mode.OFF, Mode.SHADOW, Mode.ENFORCE)
    word = read.text("FRAUD_MODE", default="").lower()
    if word and word not in named:
        read.fault("FRAUD_MODE", f"holds {word!r}", f"hold one of {', '.join(named)}, or be unset")
        word = ""
    days = read.days("FRAUD_RETENTION", default=_MONTH_DAYS, high=_MOST_DAYS)
    return FraudSettings(mode=Mode(word) if word else Mode.DESTINATIONS, kept_for=timedelta(days=days))
