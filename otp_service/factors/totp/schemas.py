"""Request and response schemas of authenticator apps."""

from marshmallow import fields, validate

from otp_service.core.web.schema import CodeText, Schema, one_fault
from otp_service.sessions.schemas import NewTokenOut

CODE_FAULT = "Provide the code as 6 digits."


class TotpResponse(Schema):
    """A code of the app: six ASCII digits."""

    code = CodeText(
        required=True,
        validate=validate.Regexp(r"[0-9]{6}\Z", error=CODE_FAULT),
        error_messages=one_fault(CODE_FAULT),
        metadata={"examples": ["492039"]},
    )


class TotpConfirmIn(TotpResponse):
    """The first code of the app."""


class TotpBegunOut(Schema):
    """A secret for the app, shown once, in three forms."""

    secret = fields.String(required=True, metadata={"description": "Base32 (RFC 4648)."})
    uri = fields.String(required=True, metadata={"examples": ["otpauth://totp/..."]})
    qr_code = fields.String(required=True, metadata={"description": "The uri as an SVG image, in a data: URI."})


class TotpConfirmedOut(NewTokenOut):
    """The added app. `backupCodes` come with it if the person had none, and are shown once."""

    message = fields.String(required=True)
    backup_codes = fields.List(fields.String())
