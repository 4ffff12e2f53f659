"""The responses of the routes for operations."""

from marshmallow import fields

from otp_service.core.web.schema import Schema

BREAKER_STATES = ["closed", "open", "half_open"]


class HealthOut(Schema):
    """The process is alive."""

    status = fields.String(required=True, metadata={"enum": ["UP"]})
    timestamp = fields.DateTime(required=True)


class ChecksOut(Schema):
    """The state of each dependency in one word."""

    server = fields.String(required=True, metadata={"enum": ["up", "stopping"]})
    database = fields.String(
        required=True,
        metadata={"examples": ["up", "down", "down: does not respond", "read-only", "locked: users", "disk full"]},
    )
    migrations = fields.String(required=True, metadata={"examples": ["at head", "behind: run flask db upgrade"]})
    limiter_store = fields.String(required=True, metadata={"examples": ["up", "memory", "down: counting in memory"]})
    worker = fields.String(required=True, metadata={"examples": ["up", "never seen: run flask worker"]})
    provider_breaker = fields.String(
        required=True, metadata={"enum": BREAKER_STATES, "description": "Of the first provider in OTP_PROVIDERS."}
    )
    provider_breakers = fields.Dict(
        keys=fields.String(),
        values=fields.String(metadata={"enum": BREAKER_STATES}),
        required=True,
        metadata={"description": "Of each provider in OTP_PROVIDERS, by its name."},
    )


class ReadyOut(Schema):
    """Whether the service can serve, and the state of each dependency."""

    status = fields.String(required=True, metadata={"enum": ["READY", "NOT_READY"]})
    checks = fields.Nested(ChecksOut, required=True)
    retry_after = fields.Integer(
        metadata={"minimum": 1, "description": "Seconds. Present only while the service is not ready."}
    )
