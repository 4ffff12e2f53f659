"""How the channel and the proof of a one-time code are written in a request."""

import re
from typing import Any

from marshmallow import ValidationError, fields, validate

from otp_service.core import phone
from otp_service.core.phone import E164
from otp_service.core.services import settings
from otp_service.core.text import without_blanks
from otp_service.core.web.schema import Schema, one_fault
from otp_service.providers import Channel
from otp_service.verifications import CHANNELS

CODE_FAULT = "Provide the code as 4 to 6 digits, or for a flash call the number that rang."
CHANNEL_FAULT = f"Provide one of: {', '.join(CHANNELS)}."
LONGEST_SPELLING = 64
_DIGITS = re.compile(r"[0-9]{4,6}")


class CodeField(fields.String):
    """Loads 4 to 6 ASCII digits, or a phone number in E.164: every spelling of one number is the same guess.

    Blanks do not count, since people read "25 48" in a message and phone keyboards add one at the end.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            required=True,
            error_messages=one_fault(CODE_FAULT),
            metadata={
                "description": "For a flash call the number that rang, in E.164.",
                "pattern": rf"\s*([0-9]\s*){{4,6}}|{E164}",
                "examples": ["4821", "+18156001234"],
            },
            **options,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **kwargs))
        if _DIGITS.fullmatch(digits := without_blanks(text)):
            return digits
        region = settings().codes.phone_default_region
        number = phone.parse_caller(text, default_region=region) if len(text) <= LONGEST_SPELLING else None
        if number is None:
            raise ValidationError(CODE_FAULT)
        return number


class PhoneResponse(Schema):
    """The code that came to the phone, or the number that rang."""

    code = CodeField()


def channel() -> fields.Enum[Channel]:
    """Return a field for a request that chooses a channel."""
    return fields.Enum(
        Channel,
        by_value=fields.String,
        validate=validate.OneOf(CHANNELS, error=CHANNEL_FAULT),
        error_messages=one_fault(CHANNEL_FAULT),
        metadata={"examples": ["sms"]},
    )
