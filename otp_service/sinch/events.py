"""Reading the events that Sinch posts; forgiving, since an event decides nothing by itself."""

from dataclasses import dataclass, field
from typing import Any

from otp_service.sinch.channels import Channel
from otp_service.sinch.parsing import price_of
from otp_service.sinch.replies import Price, Reason, VerificationStatus


@dataclass(frozen=True)
class Subject:
    """The verification that an event names; None where it names none that could be ours."""

    id: str | None
    reference: str | None
    channel: Channel | None
    number: str | None = field(repr=False)


@dataclass(frozen=True)
class RequestEvent:
    """May this verification be started?"""

    subject: Subject


@dataclass(frozen=True)
class ResultEvent:
    """A verification has ended. Whether it was successful is Sinch's claim, and nobody's sign-in."""

    subject: Subject
    status: VerificationStatus
    reason: Reason | None
    price: Price | None


@dataclass(frozen=True)
class DeliveryEvent:
    """A text message has arrived, or will not."""

    subject: Subject
    has_arrived: bool


Event = RequestEvent | ResultEvent | DeliveryEvent

_SMS_RESULTS = {"successful": True, "failed": False}


def parse_event(payload: dict[str, Any]) -> Event | None:
    """The event in a body; None for one that we do not know or that says nothing."""
    subject = _subject(payload)
    match payload.get("event"):
        case "VerificationRequestEvent":
            return RequestEvent(subject)
        case "VerificationResultEvent":
            status = _member(VerificationStatus, payload.get("status"))
            if status is None:
                return None
            return ResultEvent(subject, status, _member(Reason, payload.get("reason")), price_of(payload))
        case "VerificationSmsDeliveredEvent":
            has_arrived = _SMS_RESULTS.get(str(payload.get("smsResult")).lower())
            return None if has_arrived is None else DeliveryEvent(subject, has_arrived)
    return None


def _subject(payload: dict[str, Any]) -> Subject:
    identity = payload.get("identity")
    return Subject(
        id=_text(payload.get("id")),
        reference=_text(payload.get("reference")),
        channel=_member(Channel, payload.get("method")),
        number=_text(identity.get("endpoint")) if isinstance(identity, dict) else None,
    )


def _member(kind: Any, found: Any) -> Any:
    """The member of an enumeration by its value in any case, or None."""
    return next((member for member in kind if member.value.lower() == str(found).lower()), None)


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) and found else None
