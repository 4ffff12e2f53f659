"""What the routes of authenticator apps take and give."""

from marshmallow import fields, validate

from otp_service.core.web.schema import Schema, one_fault

CODE_FAULT = "Provide the code as 6 digits."


class TotpAnswer(Schema):
    """A code of the app: six ASCII digits."""

    code = fields.String(
        required=True,
        validate=validate.Regexp(r"[0-9]{6}\Z", error=CODE_FAULT),
        error_messages=one_fault(CODE_FAULT),
        metadata={"examples": ["492039"]},
    )


class TotpConfirmIn(TotpAnswer):
    """The first code of the app, which shows that it has the secret."""


class TotpBegunOut(Schema):
    """A secret for the app, shown once, in three forms."""

    secret = fields.String(required=True, metadata={"description": "Base32 (RFC 4648)."})
    uri = fields.String(required=True, metadata={"examples": ["otpauth://totp/..."]})
    qr_code = fields.String(required=True, metadata={"description": "The uri as a picture, an address of data:."})


class TotpConfirmedOut(Schema):
    """The app counts from now on. `backupCodes` come with it when the person had none, and are shown once."""

    message = fields.String(required=True)
    backup_codes = fields.List(fields.String())
