"""What the routes of backup codes take and give."""

from marshmallow import fields, validate

from otp_service.core.web.schema import Schema, one_fault

CODE_FAULT = "Provide one of your backup codes."


class BackupCodeAnswer(Schema):
    """A code as somebody typed it; whether it can be one is not told apart from whether it is one."""

    code = fields.String(
        required=True,
        validate=validate.Regexp(r"[ -~]{1,64}\Z", error=CODE_FAULT),
        error_messages=one_fault(CODE_FAULT),
        metadata={"examples": ["7F3K-Q2MZ-X0VB-9TCD"]},
    )


class BackupCodesOut(Schema):
    """New codes, shown once; the old ones are dead."""

    backup_codes = fields.List(fields.String(), required=True)
