"""What the operators' routes give."""

from marshmallow import fields

from otp_service.core.schema import Schema


class HealthOut(Schema):
    """The process lives."""

    status = fields.String()
    timestamp = fields.DateTime()


class ChecksOut(Schema):
    """Each dependency's state in a word."""

    database = fields.String()
    migrations = fields.String()
    limiter_store = fields.String()
    provider_breaker = fields.String()


class ReadyOut(Schema):
    """Whether the service can serve, and what each dependency says."""

    status = fields.String()
    checks = fields.Nested(ChecksOut)
    retry_after = fields.Integer()
