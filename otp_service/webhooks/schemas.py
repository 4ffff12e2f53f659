"""The responses to events."""

from marshmallow import fields

from otp_service.core.web.schema import Schema


class CodeOut(Schema):
    """A code that the service drew itself."""

    code = fields.String(required=True)


class ReplyOut(Schema):
    """Whether a start may go on, and with which code. Every other event gets a response without a body."""

    action = fields.String(required=True, metadata={"enum": ["allow", "deny"]})
    sms = fields.Nested(CodeOut)
    callout = fields.Nested(CodeOut)
