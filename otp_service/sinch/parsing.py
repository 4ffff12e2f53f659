"""Reading Sinch's answers: strict where a grant depends on it, forgiving where only a figure does."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from otp_service.sinch.channels import Channel
from otp_service.sinch.errors import OutcomeUnknown
from otp_service.sinch.replies import Price, Reason, Receipt, Report, Status, VerificationStatus

_Payload = dict[str, Any]
_MAX_ID_LENGTH = 200
_MAX_AMOUNT = Decimal(1_000_000)
_MAX_DECIMALS = 12
_CURRENCY_LENGTH = 3  # ISO 4217


def parse_receipt(payload: _Payload, channel: Channel) -> Receipt:
    """The answer to a start by `channel`. Raises OutcomeUnknown when it names no id or another channel."""
    _check_channel(payload, channel)
    details = payload.get(channel.key)
    details = details if isinstance(details, dict) else {}
    return Receipt(
        id=_id(payload),
        channel=channel,
        code_lifetime_seconds=_seconds(details.get("reportTimeout")) or _seconds(details.get("interceptionTimeout")),
        cli_filter=_text(details.get("cliFilter")),
    )


def parse_report(payload: _Payload, channel: Channel, expected_id: str | None = None) -> Report:
    """The answer to a report. Raises OutcomeUnknown when it is about another verification, or says no verdict."""
    _check_channel(payload, channel)
    check_same("id", expected_id, _id(payload))
    return Report(_id(payload), _status(payload), _reason(payload))


def parse_status(payload: _Payload) -> Status:
    """The answer to a question for the status. Raises OutcomeUnknown when it has no id or no known status."""
    identity = payload.get("identity")
    return Status(
        id=_id(payload),
        status=_status(payload),
        channel=_channel(payload),
        reason=_reason(payload),
        price=_price(payload.get("price")),
        country=_text(payload.get("countryId")),
        reference=_text(payload.get("reference")),
        number=_text(identity.get("endpoint")) if isinstance(identity, dict) else None,
        decided_at=_time(payload.get("verificationTimestamp")),
        call_result=_text(payload.get("callResult")),
    )


def price_of(event: _Payload) -> Price | None:
    """The price in an event: in the form of a status, or the amount alone."""
    found = event.get("price")
    return _price({"verificationPrice": found} if isinstance(found, dict) and "amount" in found else found)


def check_same(what: str, expected: str | None, found: str | None) -> None:
    """Raises OutcomeUnknown when the answer is about something else; None on our side expects nothing."""
    if expected is not None and expected != found:
        raise OutcomeUnknown(f"Sinch answered about another {what}")


def _id(payload: _Payload) -> str:
    found = payload.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= _MAX_ID_LENGTH or not found.isascii():
        raise OutcomeUnknown("Sinch's answer has no usable id")
    if found in (".", "..") or not found.isprintable():
        raise OutcomeUnknown("Sinch's answer has no usable id")
    return found


def _status(payload: _Payload) -> VerificationStatus:
    try:
        return VerificationStatus(str(payload.get("status")).upper())  # Sinch's case varies
    except ValueError:
        raise OutcomeUnknown("Sinch's answer has no known status") from None


def _reason(payload: _Payload) -> Reason | None:
    found = payload.get("reason")
    if not found:
        return None
    known = (reason for reason in Reason if reason.value.lower() == str(found).lower())
    return next(known, Reason.OTHER)


def _channel(payload: _Payload) -> Channel | None:
    try:
        return Channel(str(payload.get("method")))
    except ValueError:
        return None


def _check_channel(payload: _Payload, expected: Channel) -> None:
    if "method" in payload and _channel(payload) is not expected:
        raise OutcomeUnknown("Sinch answered about another channel")


def _price(found: Any) -> Price | None:
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


def _seconds(found: Any) -> int | None:
    is_number = isinstance(found, int) and not isinstance(found, bool)
    return found if is_number and found > 0 else None


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) and found else None


def _time(found: Any) -> datetime | None:
    """Sinch leaves the zone out and means UTC."""
    try:
        moment = datetime.fromisoformat(found)
    except (TypeError, ValueError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
