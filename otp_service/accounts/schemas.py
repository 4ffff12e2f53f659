"""What the account routes give."""

from marshmallow import fields

from otp_service.core.schema import Schema


class UserOut(Schema):
    """A user, to that user."""

    user_id = fields.Integer(attribute="id")
    email = fields.String()
    email_verified = fields.Boolean()
    phone_number = fields.String()
    is_verified = fields.Boolean()
    display_name = fields.String(allow_none=True)
    locale = fields.String(allow_none=True)
    created_at = fields.DateTime()


class ProfileOut(Schema):
    """The answer of GET /profile."""

    message = fields.String()
    user = fields.Nested(UserOut)
