"""What the routes of the e-mail address take and give."""

from marshmallow import fields

from otp_service.accounts.fields import EmailField
from otp_service.core.web.schema import Schema, text

TOKEN_LENGTH = 200


class EmailTokenIn(Schema):
    """The token of a link."""

    token = text("Provide the token of your link.", maximum=TOKEN_LENGTH)


class EmailIn(Schema):
    """An address to change to."""

    email = EmailField(required=True)


class EmailMessageOut(Schema):
    """What was done."""

    message = fields.String(required=True)
