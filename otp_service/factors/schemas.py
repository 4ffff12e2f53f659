"""What the routes of all factors take and give."""

from marshmallow import fields, validate

from otp_service.core.schema import Schema
from otp_service.factors.registry import WORDS

METHOD_FAULT = f"Provide one of: {', '.join(WORDS)}."


def method() -> fields.String:
    """The word for a way to prove who one is."""
    return fields.String(
        required=True,
        validate=validate.OneOf(WORDS, error=METHOD_FAULT),
        error_messages=dict.fromkeys(("required", "null", "invalid"), METHOD_FAULT),
    )


class DefaultIn(Schema):
    """The method to be asked for first."""

    method = method()


class FactorOut(Schema):
    """One thing that is enrolled. Fields that say nothing of its kind are absent."""

    type = fields.String(required=True)
    id = fields.String()
    name = fields.String()
    phone_number = fields.String(metadata={"description": "Masked."})
    remaining = fields.Integer(metadata={"description": "How many are left."})
    synced = fields.Boolean(metadata={"description": "Whether it is kept by more than one device."})
    created_at = fields.DateTime()
    last_used_at = fields.DateTime(allow_none=True)


class FactorsOut(Schema):
    """All that is enrolled, and what is asked for first; null while nothing can be."""

    factors = fields.List(fields.Nested(FactorOut), required=True)
    default_method = fields.String(required=True, allow_none=True)
