"""The values of the Sinch API: reasons, and what responses and events carry."""

from dataclasses import dataclass, field
from enum import StrEnum

from otp_service.providers import Channel, Price, VerificationStatus


class Reason(StrEnum):
    """Why a verification did not succeed, in Sinch's exact words. OTHER stands for words that Sinch added since."""

    FRAUD = "Fraud"
    NOT_ENOUGH_CREDIT = "Not enough credit"
    BLOCKED = "Blocked"
    DENIED_BY_CALLBACK = "Denied by callback"
    INVALID_CALLBACK = "Invalid callback"
    DESTINATION_DENIED = "Destination denied"
    INTERNAL_ERROR = "Internal error"
    UNREACHABLE = "Network error or number unreachable"
    SMS_DELIVERY_FAILURE = "SMS delivery failure"
    INVALID_CLI = "Invalid CLI"
    INVALID_CODE = "Invalid code"
    EXPIRED = "Expired"
    HUNG_UP = "Hung up without entering valid code"
    FAILED_PENDING = "Failed pending"
    OTHER = "other"


def key_of(channel: Channel) -> str:
    """Return the name of a channel's object in bodies. Sinch writes `flashCall` there and `flashcall` elsewhere."""
    return "flashCall" if channel is Channel.FLASHCALL else channel.value


@dataclass(frozen=True)
class Receipt:
    """A started verification. `code_lifetime_seconds` is how long Sinch accepts the code, or None if it did not say."""

    id: str
    channel: Channel
    code_lifetime_seconds: int | None = None


@dataclass(frozen=True)
class Report:
    """The result of a reported code."""

    id: str
    status: VerificationStatus
    reason: Reason | None = None


@dataclass(frozen=True)
class Status:
    """A verification as Sinch sees it. `price` is missing while it is pending, and for a while afterwards."""

    id: str
    status: VerificationStatus
    reason: Reason | None = None
    price: Price | None = None
    reference: str | None = None

    @property
    def summary(self) -> str:
        """How it ended, in Sinch's words."""
        return summary_of(self.status, self.reason)


def summary_of(status: VerificationStatus, reason: Reason | None) -> str:
    """Return how a verification ended, in Sinch's words, for operators."""
    return f"{status.value}: {reason.value if reason else 'no reason given'}"


@dataclass(frozen=True)
class Subject:
    """The verification that an event names. A field is None if it cannot belong to one of our verifications."""

    id: str | None
    reference: str | None
    channel: Channel | None
    number: str | None = field(repr=False)


@dataclass(frozen=True)
class RequestEvent:
    """Sinch asks whether a verification may start."""

    subject: Subject


@dataclass(frozen=True)
class ResultEvent:
    """A verification ended. A successful status is Sinch's claim; it opens no session (ADR 14)."""

    subject: Subject
    status: VerificationStatus
    reason: Reason | None
    price: Price | None


@dataclass(frozen=True)
class DeliveryEvent:
    """A text message arrived, or failed to arrive."""

    subject: Subject
    has_arrived: bool


Event = RequestEvent | ResultEvent | DeliveryEvent
