"""What the routes of sessions and keys give."""

from marshmallow import fields

from otp_service.core.schema import Schema


class SessionOut(Schema):
    """One sign-in that is still good. `current` is the one that asks."""

    id = fields.UUID(required=True)
    ip = fields.String(required=True)
    agent = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    last_used_at = fields.DateTime(required=True, metadata={"description": "When it was last refreshed."})
    current = fields.Boolean(required=True)
    acr = fields.String(required=True, metadata={"examples": ["aal2"]})


class SessionsOut(Schema):
    """All of a person's sessions, the one used last first."""

    sessions = fields.List(fields.Nested(SessionOut), required=True)
