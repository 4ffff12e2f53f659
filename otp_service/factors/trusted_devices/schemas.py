"""The responses of the routes of trusted devices."""

from marshmallow import fields

from otp_service.core.web.schema import Schema


class DeviceOut(Schema):
    """A device whose sign-ins skip the second factor until `expiresAt`."""

    id = fields.UUID(required=True)
    ip = fields.String(required=True, metadata={"description": "IP address of its last use."})
    agent = fields.String(required=True, metadata={"description": "User-Agent of its last use."})
    created_at = fields.DateTime(required=True)
    last_used_at = fields.DateTime(required=True)
    expires_at = fields.DateTime(required=True)


class DevicesOut(Schema):
    """All of a person's trusted devices, the last used first."""

    devices = fields.List(fields.Nested(DeviceOut), required=True)
