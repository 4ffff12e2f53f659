"""The responses of the routes of sessions and keys."""

from marshmallow import fields

from otp_service.core.web.schema import Schema


class NewTokenOut(Schema):
    """The access token that goes on after a change; times in seconds. Earlier access tokens no longer work."""

    token = fields.String(required=True)
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True)
    session_id = fields.UUID(required=True)
    acr = fields.String(required=True)


class SessionOut(Schema):
    """A live session. `current` marks the one that sent the request."""

    id = fields.UUID(required=True)
    ip = fields.String(required=True)
    agent = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    last_used_at = fields.DateTime(required=True, metadata={"description": "When it was last refreshed."})
    current = fields.Boolean(required=True)
    acr = fields.String(required=True, metadata={"examples": ["aal2"]})


class KeyOut(Schema):
    """A public key (RFC 7517)."""

    kid = fields.String(required=True)
    kty = fields.String(required=True)
    alg = fields.String(required=True)
    use = fields.String(required=True)
    crv = fields.String()
    x = fields.String()
    y = fields.String()
    n = fields.String()
    e = fields.String()


class KeysOut(Schema):
    """The keys that verify access tokens; none while the algorithm is HS256."""

    keys = fields.List(fields.Nested(KeyOut), required=True)


class SessionsOut(Schema):
    """All live sessions of a person, last used first."""

    sessions = fields.List(fields.Nested(SessionOut), required=True)
