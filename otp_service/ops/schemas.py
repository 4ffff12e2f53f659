"""The responses of the routes for operations."""

from datetime import UTC
from typing import Any

from marshmallow import ValidationError, fields, validate

from otp_service.core.web.schema import Schema, one_fault
from otp_service.insights import DIMENSIONS

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


BY_FAULT = f"Provide some of {', '.join(DIMENSIONS)}, separated by commas, each once."
TIME_FAULT = "Provide a time in ISO 8601, such as 2026-03-01T00:00:00Z."
LIMIT_FAULT = "Provide a whole number from 1 to 10000."


class ByField(fields.String):
    """Loads names of dimensions, separated by commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        names = super()._deserialize(value, attr, data, **kwargs).split(",")
        if not set(names) <= set(DIMENSIONS) or len(set(names)) < len(names):
            raise ValidationError(BY_FAULT)
        return names


def _time(name: str, about: str) -> fields.AwareDateTime:
    return fields.AwareDateTime(
        data_key=name,
        format="iso",
        default_timezone=UTC,
        load_default=None,
        error_messages=one_fault(TIME_FAULT),
        metadata={"description": f"{about} Widened to whole hours. UTC without a zone."},
    )


class InsightsIn(Schema):
    """A span, and what to group by."""

    start = _time(
        "from",
        "24 hours before `to` by default; at most 400 days before it, with `prefix` 100, with `hour` 31, with both 3.",
    )
    end = _time("to", "Now by default.")
    by = ByField(
        load_default=None,
        metadata={
            "description": f"{BY_FAULT} `country` by default.",
            "examples": ["country,channel,hour"],
            "pattern": "^[a-z]+(,[a-z]+)*$",
        },
    )
    limit = fields.Integer(
        load_default=1_000,
        validate=validate.Range(1, 10_000, error=LIMIT_FAULT),
        error_messages=one_fault(LIMIT_FAULT),
        metadata={"description": "The most groups."},
    )


class CountsOut(Schema):
    """What was sent, and what became of it. A code counts in the hour of its message, whenever it ended."""

    sends = fields.Integer(required=True, metadata={"description": "Messages that a provider took."})
    verified = fields.Integer(required=True)
    conversion = fields.Float(required=True, allow_none=True, metadata={"description": "`verified` of `sends`."})
    failed = fields.Integer(required=True, metadata={"description": "Five wrong codes, or not delivered later."})
    expired = fields.Integer(required=True)
    superseded = fields.Integer(required=True, metadata={"description": "Replaced by a newer code."})
    undelivered = fields.Integer(required=True, metadata={"description": "The start failed. These are no sends."})
    spend = fields.String(required=True, metadata={"examples": ["12.3400"], "description": "In `currency`."})
    refused = fields.Integer(required=True, metadata={"description": "Not sent: a rule of the operator."})
    blocked = fields.Integer(required=True, metadata={"description": "Not sent: the fraud guard."})


class GroupOut(CountsOut):
    """The counts of one group, with a field for each dimension in `by`."""

    hour = fields.DateTime()
    country = fields.String(metadata={"examples": ["DE"]})
    prefix = fields.String(metadata={"examples": ["+491512"], "description": "Country code and four digits."})
    channel = fields.String(metadata={"examples": ["sms"]})
    provider = fields.String(metadata={"examples": ["sinch"]})
    owner = fields.String(metadata={"examples": ["people", "app:shop"]})


class InsightsOut(Schema):
    """The groups with the most messages first, and the counts of all."""

    start = fields.DateTime(required=True, data_key="from")
    end = fields.DateTime(required=True, data_key="to")
    as_of = fields.DateTime(required=True, allow_none=True, metadata={"description": "The worker's last look."})
    by = fields.List(fields.String(metadata={"enum": list(DIMENSIONS)}), required=True)
    currency = fields.String(required=True, metadata={"examples": ["EUR"]})
    total = fields.Nested(CountsOut, required=True)
    rows = fields.List(fields.Nested(GroupOut), required=True)
    truncated = fields.Boolean(required=True, metadata={"description": "Whether there are more groups than `limit`."})
