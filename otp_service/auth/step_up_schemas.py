"""What the routes of a step-up take and give."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from otp_service.accounts.fields import password
from otp_service.auth.step_up import PASSWORD
from otp_service.core.schema import Schema
from otp_service.factors import registry
from otp_service.factors.otp.fields import channel
from otp_service.factors.schemas import method

METHODS = (*registry.WORDS, PASSWORD)
METHOD_FAULT = f"Provide one of: {', '.join(METHODS)}."
PASSWORD_FAULT = "Provide your password."  # noqa: S105 - a sentence
ANSWER_FIELDS = ("code", "credential")


class StepUpCodeIn(Schema):
    """How the code shall come."""

    channel = channel()


class StepUpOptionsIn(Schema):
    """The method that wants something beforehand."""

    method = method()


class StepUpIn(Schema):
    """Who one is, shown anew: the answer by one of the account's methods, and the password where that is one factor."""

    password = password(PASSWORD_FAULT)
    method = fields.String(
        required=True,
        validate=validate.OneOf(METHODS, error=METHOD_FAULT),
        error_messages=dict.fromkeys(("required", "null", "invalid"), METHOD_FAULT),
    )
    code = fields.Raw(metadata={"type": "string", "examples": ["4821"], "description": "For methods with a code."})
    credential = fields.Raw(metadata={"type": "object", "description": "For webauthn: the browser's answer."})

    password.required = False

    @validates_schema(skip_on_field_errors=True)
    def _check_password(self, data: dict[str, Any], **_: Any) -> None:
        if "password" not in data and (data["method"] == PASSWORD or registry.of_word(data["method"]).needs_password):
            raise ValidationError(PASSWORD_FAULT, "password")

    @post_load
    def _load_answer(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """What proves the method is checked by the factor's own schema."""
        given = {name: data.pop(name) for name in ANSWER_FIELDS if name in data}
        answer = Schema() if data["method"] == PASSWORD else registry.of_word(data["method"]).answer()
        return {"password": None, **data, "answer": answer.load(given)}


class SteppedUpOut(Schema):
    """A new access token of the same session; times in seconds."""

    token = fields.String(required=True)
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True)
    session_id = fields.UUID(required=True)
    acr = fields.String(required=True)
