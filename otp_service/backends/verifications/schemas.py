"""Request and response schemas of `/verifications`."""

from typing import Any

from marshmallow import ValidationError, fields, validate

from otp_service.accounts.fields import PhoneField
from otp_service.backends.schemas import SearchIn
from otp_service.backends.verifications.cursors import CURSOR_PATTERN, read_cursor
from otp_service.backends.verifications.models import ATTEMPTS, LONGEST_REFERENCE, Status
from otp_service.core.addresses import plain_address
from otp_service.core.text import LANGUAGE_TAG, LONGEST_LANGUAGE_TAG, SHOWN_TEXT, steers
from otp_service.core.web.schema import Schema, one_fault
from otp_service.factors.phone.schemas import CodeField, channel
from otp_service.selfservice.schemas import LOCALE_FAULT
from otp_service.verifications import CHANNELS

SHORTEST_TTL, LONGEST_TTL = 30, 600
TTL_FAULT = f"Provide whole seconds from {SHORTEST_TTL} to {LONGEST_TTL}."
REFERENCE_FAULT = f"Provide 1 to {LONGEST_REFERENCE} characters, without control characters."
ADDRESS_FAULT = "Provide the IP address of your user, or leave it out."
CURSOR_FAULT = "Provide the next of an earlier response."
ERASE_FAULT = "Provide true or false."
_UNKNOWN = "unknown"


class AddressField(fields.String):
    """Loads an IP address in its one spelling."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        address = plain_address(super()._deserialize(value, attr, data, **kwargs))
        if address in {"", _UNKNOWN}:
            raise ValidationError(ADDRESS_FAULT)
        return address


class CursorField(fields.String):
    """Loads the place after which a page begins."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        place = read_cursor(super()._deserialize(value, attr, data, **kwargs))
        if place is None:
            raise ValidationError(CURSOR_FAULT)
        return place


def _reject_control_characters(text: str) -> None:
    if steers(text):
        raise ValidationError(REFERENCE_FAULT)


def _reference() -> fields.String:
    return fields.String(
        validate=[validate.Length(min=1, max=LONGEST_REFERENCE, error=REFERENCE_FAULT), _reject_control_characters],
        error_messages=one_fault(REFERENCE_FAULT),
        metadata={
            "description": "Your own name for the verification: part of each response and event, and to be found by.",
            "pattern": SHOWN_TEXT,
            "examples": ["order-1042"],
        },
    )


class StartIn(Schema):
    """The number to verify, and how."""

    phone_number = PhoneField(required=True)
    channel = channel()
    locale = fields.String(
        validate=[
            validate.Length(max=LONGEST_LANGUAGE_TAG, error=LOCALE_FAULT),
            validate.Regexp(rf"{LANGUAGE_TAG}\Z", error=LOCALE_FAULT),
        ],
        error_messages=one_fault(LOCALE_FAULT),
        metadata={"description": "The language of the message (RFC 5646).", "examples": ["de-AT"]},
    )
    reference = _reference()
    client_ip = AddressField(
        error_messages=one_fault(ADDRESS_FAULT),
        metadata={
            "description": "The address of your user, which has limits of its own. Without it, no limit by address "
            "applies: yours would stop all your users at once.",
            "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}],
            "examples": ["203.0.113.7"],
        },
    )
    expires_in = fields.Integer(
        strict=True,
        validate=validate.Range(min=SHORTEST_TTL, max=LONGEST_TTL, error=TTL_FAULT),
        error_messages=one_fault(TTL_FAULT),
        metadata={"description": "Seconds that a code is valid; by default OTP_TTL.", "examples": [300]},
    )


class CheckIn(Schema):
    """The code that the person entered."""

    code = CodeField()


class ResendIn(Schema):
    """The channel of the next message; by default that of the verification."""

    channel = channel()


class FindIn(SearchIn):
    """Which verifications to list: all, or those with a reference or a number."""

    reference = _reference()
    cursor = CursorField(
        error_messages=one_fault(CURSOR_FAULT),
        metadata={
            "description": "The `next` of the page before; without it, the newest ones.",
            "pattern": CURSOR_PATTERN,
        },
    )


class EndIn(Schema):
    """Whether to erase the verification, with the number and all that hangs on it, or only to cancel it."""

    erase = fields.String(
        validate=validate.OneOf(["true", "false"], error=ERASE_FAULT),
        metadata={"description": "`true` erases the verification instead of cancelling it."},
    )


class _VerificationOut(Schema):
    id = fields.UUID(attribute="row.id", required=True)
    status = fields.String(required=True, metadata={"enum": [str(status) for status in Status]})
    phone_number = fields.String(attribute="row.phone_number", required=True, metadata={"description": "E.164."})
    reference = fields.String(attribute="row.reference", required=True, allow_none=True)


class StartedOut(_VerificationOut):
    """A verification whose message is on its way."""

    country = fields.String(required=True, metadata={"description": "ISO 3166-1 alpha-2.", "examples": ["US"]})
    channel = fields.String(required=True, metadata={"enum": [str(channel) for channel in CHANNELS]})
    created_at = fields.DateTime(attribute="row.created_at", required=True)
    expires_at = fields.DateTime(required=True, metadata={"description": "When the newest code expires."})
    resend_after = fields.Integer(
        required=True, metadata={"description": "Seconds until another message may be sent.", "examples": [120]}
    )
    attempts_left = fields.Integer(
        required=True,
        metadata={"description": "Wrong codes that are left, over all messages.", "examples": [ATTEMPTS]},
    )


class VerificationOut(StartedOut):
    """A verification as it stands. Its code is never shown."""

    approved_at = fields.DateTime(attribute="row.approved_at", required=True, allow_none=True)


class ApprovedOut(_VerificationOut):
    """A verification that its code approved. No other response of a check is a success."""

    status = fields.String(required=True, metadata={"enum": [str(Status.APPROVED)]})
    approved_at = fields.DateTime(attribute="row.approved_at", required=True)


class VerificationsOut(Schema):
    """A page of verifications, newest first; `next` is the cursor of the page after it, null at the end."""

    verifications = fields.List(fields.Nested(VerificationOut), required=True)
    next = fields.String(required=True, allow_none=True)
