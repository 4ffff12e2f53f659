"""The setting of the insights: how long their totals are kept."""

from dataclasses import dataclass
from datetime import timedelta

from otp_service.config.reader import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightSettings:
    """`kept_for` is how long totals are kept, by hour and by day."""

    kept_for: timedelta


def read_insights(read: Reader) -> InsightSettings:
    """Read INSIGHTS_RETENTION, in days."""
    return InsightSettings(kept_for=timedelta(days=read.days("INSIGHTS_RETENTION", default=400, high=36_500)))
