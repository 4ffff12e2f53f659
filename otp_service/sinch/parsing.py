"""Read what Sinch sends: responses strictly, since a grant depends on them; prices and events leniently."""

from decimal import Decimal
from typing import Any

from otp_service.core.calls.errors import OutcomeUnknown
from otp_service.providers import Channel, Price, VerificationStatus
from otp_service.sinch.api_types import (
    DeliveryEvent,
    Event,
    Reason,
    Receipt,
    Report,
    RequestEvent,
    ResultEvent,
    Status,
    Subject,
    key_of,
)

_Payload = dict[str, Any]
_MAX_ID_LENGTH = 200
_MAX_AMOUNT = Decimal(1_000_000)
_MAX_DECIMALS = 12
_CURRENCY_LENGTH = 3  # ISO 4217
_SMS_RESULTS = {"successful": True, "failed": False}


def parse_receipt(payload: _Payload, channel: Channel) -> Receipt:
    """Read the response to a start by `channel`. Raises OutcomeUnknown if it has no id or names another channel."""
    _check_channel(payload, channel)
    details = payload.get(key_of(channel))
    details = details if isinstance(details, dict) else {}
    # A flash call can be reported for longer (75 s) than an app may intercept it (45 s); a text names only the latter.
    lifetime = _seconds(details.get("reportTimeout")) or _seconds(details.get("interceptionTimeout"))
    return Receipt(id=_id(payload), channel=channel, code_lifetime_seconds=lifetime)


def parse_report(payload: _Payload, channel: Channel, expected_id: str) -> Report:
    """Read the response to a report. Raises OutcomeUnknown if it has no status or is about another verification."""
    _check_channel(payload, channel)
    check_same("id", expected_id, _id(payload))
    return Report(_id(payload), _status(payload), _reason(payload))


def parse_status(payload: _Payload) -> Status:
    """Read the response to a status request. Raises OutcomeUnknown if it has no id or no known status."""
    return Status(
        id=_id(payload),
        status=_status(payload),
        reason=_reason(payload),
        price=_price(payload.get("price")),
        reference=_text(payload.get("reference")),
    )


def check_same(what: str, expected: str, found: str) -> None:
    """Raise OutcomeUnknown if the response is about something else than was asked for."""
    if expected != found:
        raise OutcomeUnknown(f"Sinch's response is about another {what}")


def parse_event(payload: _Payload) -> Event | None:
    """Read the body of an event. Returns None for an unknown event and for one without a usable result."""
    subject = _subject(payload)
    match payload.get("event"):
        case "VerificationRequestEvent":
            return RequestEvent(subject)
        case "VerificationResultEvent":
            status = _member(VerificationStatus, payload.get("status"))
            if status is None:
                return None
            return ResultEvent(subject, status, _member(Reason, payload.get("reason")), _event_price(payload))
        case "VerificationSmsDeliveredEvent":
            has_arrived = _SMS_RESULTS.get(str(payload.get("smsResult")).lower())
            return None if has_arrived is None else DeliveryEvent(subject, has_arrived)
    return None


def _id(payload: _Payload) -> str:
    found = payload.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= _MAX_ID_LENGTH or not found.isascii():
        raise OutcomeUnknown("Sinch's response has no usable id")
    if found in (".", "..") or not found.isprintable():  # it becomes a segment of the next call's path
        raise OutcomeUnknown("Sinch's response has no usable id")
    return found


def _status(payload: _Payload) -> VerificationStatus:
    try:
        return VerificationStatus(str(payload.get("status")).upper())  # Sinch varies the case, says its Android SDK
    except ValueError:
        raise OutcomeUnknown("Sinch's response has no known status") from None


def _reason(payload: _Payload) -> Reason | None:
    found = payload.get("reason")
    return (_member(Reason, found) or Reason.OTHER) if found else None


def _check_channel(payload: _Payload, expected: Channel) -> None:
    if "method" in payload and _member(Channel, payload["method"]) is not expected:
        raise OutcomeUnknown("Sinch's response is about another channel")


def _event_price(event: _Payload) -> Price | None:
    """The price in an event, which has the form of a status or is the amount alone."""
    found = event.get("price")
    return _price({"verificationPrice": found} if isinstance(found, dict) and "amount" in found else found)


def _price(found: Any) -> Price | None:
    """The price, or None for one that makes no sense: a grant never depends on it."""
    if not isinstance(found, dict):
        return None
    amount, currency = _money(found.get("verificationPrice"))
    if amount is None or currency is None:
        return None
    termination, its_currency = _money(found.get("terminationPrice"))
    if termination is None or its_currency != currency:
        termination = Decimal(0)
    return Price(amount, currency, termination)


def _money(found: Any) -> tuple[Decimal | None, str | None]:
    if not isinstance(found, dict):
        return None, None
    amount, currency = found.get("amount"), found.get("currencyId")
    # Responses are decoded with Decimal. An event's body is decoded elsewhere, and `str` drops the float's error.
    amount = Decimal(str(amount)) if isinstance(amount, float) else amount
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        return None, None
    if not isinstance(currency, str) or len(currency) != _CURRENCY_LENGTH:
        return None, None
    amount = Decimal(amount)
    exponent = amount.as_tuple().exponent
    is_sane = amount.is_finite() and isinstance(exponent, int) and abs(exponent) <= _MAX_DECIMALS
    if not is_sane or not 0 <= amount <= _MAX_AMOUNT:
        return None, None
    return amount, currency.upper()


def _subject(payload: _Payload) -> Subject:
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


def _seconds(found: Any) -> int | None:
    is_number = isinstance(found, int) and not isinstance(found, bool)
    return found if is_number and found > 0 else None


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) and found else None
