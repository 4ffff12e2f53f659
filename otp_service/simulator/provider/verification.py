"""A verification and a message: what Sinch keeps about each."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Method(StrEnum):
    """How a number is verified. The value is the spelling on the wire."""

    SMS = "sms"
    FLASHCALL = "flashcall"
    CALLOUT = "callout"
    SEAMLESS = "seamless"
    WHATSAPP = "whatsapp"

    @property
    def section(self) -> str:
        """The key of this method's object in bodies."""
        return "flashCall" if self is Method.FLASHCALL else self.value

    @property
    def is_call(self) -> bool:
        """Whether a phone rings."""
        return self in (Method.FLASHCALL, Method.CALLOUT)


class Status(StrEnum):
    """The state of a verification. All but PENDING are final."""

    PENDING = "PENDING"
    SUCCESSFUL = "SUCCESSFUL"
    FAIL = "FAIL"
    DENIED = "DENIED"
    ABORTED = "ABORTED"
    ERROR = "ERROR"


class Reason(StrEnum):
    """Why a verification did not succeed, in Sinch's exact words."""

    FRAUD = "Fraud"
    BLOCKED = "Blocked"
    DENIED_BY_CALLBACK = "Denied by callback"
    INVALID_CALLBACK = "Invalid callback"
    INVALID_CLI = "Invalid CLI"
    INVALID_CODE = "Invalid code"
    EXPIRED = "Expired"


@dataclass
class Verification:
    """Changes only while the store's lock is held.

    `secret` verifies the number: the code, the calling number of a flash call, or the last segment of a seamless
    address.
    """

    id: str
    method: Method
    number: str
    country: str
    secret: str
    price: Decimal
    started_at: datetime
    expires_at: datetime
    status: Status = Status.PENDING
    reason: Reason | None = None
    reference: str | None = None
    custom: str | None = None
    code_type: str = "Numeric"
    template: str = ""
    language: str = "en-US"
    interception_seconds: int = 0
    is_delivered: bool = False
    wrong_codes: int = 0
    source: str | None = None
    ended_at: datetime | None = None

    @property
    def is_expired(self) -> bool:
        """Whether it ended because no report came in time."""
        return self.reason is Reason.EXPIRED


@dataclass(frozen=True)
class Message:
    """What a phone received: `code` for texts and spoken codes, `cli` for a missed call; and who sent it."""

    id: str
    to: str
    channel: str
    text: str
    code: str | None
    cli: str | None
    at: datetime
    verification_id: str
    reference: str | None
    provider: str = "sinch"
