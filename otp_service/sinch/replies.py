"""What Sinch answers, as values."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from otp_service.sinch.channels import Channel


class VerificationStatus(StrEnum):
    """How a verification stands with Sinch."""

    PENDING = "PENDING"
    SUCCESSFUL = "SUCCESSFUL"
    FAIL = "FAIL"
    DENIED = "DENIED"
    ABORTED = "ABORTED"  # superseded by a new verification of the number
    ERROR = "ERROR"


class Reason(StrEnum):
    """Why a verification is not successful; OTHER stands for words that Sinch has added since."""

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


@dataclass(frozen=True)
class Receipt:
    """A started verification. `code_lifetime_seconds` is how long Sinch means to wait for the code (None: it did
    not say), `cli_filter` the pattern of the numbers that a flash call may come from.
    """

    id: str
    channel: Channel
    code_lifetime_seconds: int | None = None
    cli_filter: str | None = None


@dataclass(frozen=True)
class Report:
    """The verdict on a reported code."""

    id: str
    status: VerificationStatus
    reason: Reason | None = None


@dataclass(frozen=True)
class Price:
    """What one verification cost. `termination_amount` is the phone call's own cost, 0 unless it is billed."""

    amount: Decimal
    currency: str
    termination_amount: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """All that is billed for the verification."""
        return self.amount + self.termination_amount


@dataclass(frozen=True)
class Status:
    """A verification as Sinch sees it. `price` is missing while pending, and for a while after."""

    id: str
    status: VerificationStatus
    channel: Channel | None = None  # None for methods that we do not offer
    reason: Reason | None = None
    price: Price | None = None
    country: str | None = None
    reference: str | None = None
    number: str | None = field(default=None, repr=False)
    decided_at: datetime | None = None
    call_result: str | None = None
