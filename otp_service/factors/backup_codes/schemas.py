"""Request and response schemas of backup codes."""

from marshmallow import fields, validate

from otp_service.core.web.schema import CodeText, Schema, one_fault
from otp_service.sessions.schemas import NewTokenOut

CODE_FAULT = "Provide one of your backup codes."


class BackupCodeResponse(Schema):
    """A code as the person typed it. A text that cannot be a code is no fault of form: it is a wrong code."""

    code = CodeText(
        required=True,
        validate=validate.Regexp(r"[ -~]{1,64}\Z", error=CODE_FAULT),
        error_messages=one_fault(CODE_FAULT),
        metadata={
            "pattern": " *[!-~][ -~]{0,63}",  # blanks do not count, so they alone are no code
            "description": "In either case, with or without hyphens.",
            "examples": ["7F3K-Q2MZ-X0VB-9TCD"],
        },
    )


class BackupCodesOut(NewTokenOut):
    """New codes, shown once. The earlier ones stop working."""

    backup_codes = fields.List(fields.String(), required=True)
