"""What every provider of messages offers, and the values that travel to and from it. The providers stand above."""

from otp_service.providers.contract import (
    PLACEHOLDER,
    Channel,
    Comparison,
    Message,
    NumberRefused,
    Price,
    Provider,
    ProviderKind,
    Standing,
    Started,
    VerificationStatus,
)

__all__ = [
    "PLACEHOLDER",
    "Channel",
    "Comparison",
    "Message",
    "NumberRefused",
    "Price",
    "Provider",
    "ProviderKind",
    "Standing",
    "Started",
    "VerificationStatus",
]
