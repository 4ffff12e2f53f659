"""What the routes of a step-up take and give."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from otp_service.accounts.fields import password
from otp_service.auth.schemas import CHANNEL_FAULT, CODE_FAULT
from otp_service.auth.step_up import METHODS, NEED_PASSWORD
from otp_service.core.schema import Schema
from otp_service.factors.otp import CHANNELS
from otp_service.sinch import Channel

METHOD_FAULT = f"Provide one of: {', '.join(METHODS)}."
PASSWORD_FAULT = "Provide your password."  # noqa: S105 - a sentence


class StepUpCodeIn(Schema):
    """How the code shall come."""

    channel = fields.Enum(
        Channel,
        by_value=fields.String,
        validate=validate.OneOf(CHANNELS, error=CHANNEL_FAULT),
        error_messages=dict.fromkeys(("unknown", "invalid", "null"), CHANNEL_FAULT),
        metadata={"examples": ["sms"]},
    )


class StepUpIn(Schema):
    """Who one is, shown anew. `password` goes with every method that proves one factor alone."""

    password = password(PASSWORD_FAULT)
    method = fields.String(
        required=True,
        validate=validate.OneOf(METHODS, error=METHOD_FAULT),
        error_messages=dict.fromkeys(("required", "null", "invalid"), METHOD_FAULT),
    )
    code = fields.String(
        required=True,
        validate=validate.Regexp(r"[0-9]{4,6}\Z", error=CODE_FAULT),
        error_messages=dict.fromkeys(("required", "null", "invalid"), CODE_FAULT),
        metadata={"examples": ["4821"]},
    )

    password.required = False

    @validates_schema(skip_on_field_errors=True)
    def _check_password(self, data: dict[str, Any], **_: Any) -> None:
        if data["method"] in NEED_PASSWORD and "password" not in data:
            raise ValidationError(PASSWORD_FAULT, "password")


class SteppedUpOut(Schema):
    """A new access token of the same session; times in seconds."""

    token = fields.String(required=True)
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True)
    session_id = fields.UUID(required=True)
    acr = fields.String(required=True)
