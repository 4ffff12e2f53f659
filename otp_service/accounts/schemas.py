"""What the account routes give."""

from marshmallow import ValidationError, fields, validate

from otp_service.core.text import steers
from otp_service.core.web.schema import Schema

LOCALE_FAULT = "Provide a language tag such as en or pt-BR (RFC 5646)."
CONTROL_FAULT = "Provide a name without control characters."


class UserOut(Schema):
    """A user, to that user."""

    user_id = fields.Integer(attribute="id", required=True)
    email = fields.String(required=True)
    email_verified = fields.Boolean(required=True)
    phone_number = fields.String(
        required=True, allow_none=True, metadata={"description": "E.164; null once somebody else proved it."}
    )
    is_verified = fields.Boolean(required=True, metadata={"description": "Whether the number is proven."})
    display_name = fields.String(allow_none=True, required=True)
    locale = fields.String(allow_none=True, required=True)
    created_at = fields.DateTime(required=True)


def _shows_all(text: str) -> None:
    if steers(text):
        raise ValidationError(CONTROL_FAULT)


class ProfileIn(Schema):
    """What a person may say of themselves."""

    display_name = fields.String(
        allow_none=True, validate=[validate.Length(min=1, max=100, error="Provide 1 to 100 characters."), _shows_all]
    )
    locale = fields.String(
        allow_none=True, validate=validate.Regexp(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}\Z", error=LOCALE_FAULT)
    )


class EventsIn(Schema):
    """Where to go on."""

    cursor = fields.String(validate=validate.Regexp(r"[0-9]{1,18}\Z", error="Provide the next of an earlier answer."))


class EventOut(Schema):
    """Something that happened to the account."""

    at = fields.DateTime()
    event = fields.String()
    ip = fields.String()
    agent = fields.String()
    facts = fields.Dict()


class EventsOut(Schema):
    """A page of events, newest first; `next` is the cursor of the page after it, null at the end."""

    events = fields.List(fields.Nested(EventOut))
    next = fields.String(allow_none=True)


class ProfileOut(Schema):
    """The answer of GET /profile."""

    message = fields.String(required=True)
    user = fields.Nested(UserOut, required=True)
