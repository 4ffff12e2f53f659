"""What a code on the phone looks like."""

from marshmallow import fields, validate

from otp_service.core.schema import Schema

CODE_FAULT = "Provide the code as 4 to 6 digits."


class PhoneAnswer(Schema):
    """A code that came over the phone."""

    code = fields.String(
        required=True,
        validate=validate.Regexp(r"[0-9]{4,6}\Z", error=CODE_FAULT),
        error_messages=dict.fromkeys(("required", "null", "invalid"), CODE_FAULT),
        metadata={"examples": ["4821"]},
    )
