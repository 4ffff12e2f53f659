"""What messages cost and how many codes were typed in, by country, prefix, channel, provider, owner, hour (ADR 52)."""

from otp_service.insights.answers import DIMENSIONS, ask, report
from otp_service.insights.records import forget
from otp_service.insights.settings import InsightSettings, read_insights
from otp_service.insights.tallying import fold

__all__ = [
    "DIMENSIONS",
    "InsightSettings",
    "ask",
    "fold",
    "forget",
    "read_insights",
    "report",
]
