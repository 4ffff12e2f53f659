"""What the routes of a step-up take and give."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validates_schema

from otp_service.accounts.fields import password
from otp_service.auth.step_up import PASSWORD
from otp_service.core.web.schema import Schema
from otp_service.factors import registry
from otp_service.factors.phone.fields import channel
from otp_service.factors.schemas import AnswerIn, method, method_fault

METHODS = (*registry.WORDS, PASSWORD)
METHOD_FAULT = method_fault(METHODS)
PASSWORD_FAULT = "Provide your password."  # noqa: S105 - a sentence


class StepUpCodeIn(Schema):
    """How the code shall come."""

    channel = channel()


class StepUpOptionsIn(Schema):
    """The method that wants something beforehand."""

    method = method()


class StepUpIn(AnswerIn):
    """Who one is, shown anew: the answer by one of the account's methods, and the password where that is one factor."""

    password = password(PASSWORD_FAULT, is_required=False)
    method = method(METHODS)

    @validates_schema(skip_on_field_errors=True)
    def _check_password(self, data: dict[str, Any], **_: Any) -> None:
        if "password" not in data and (data["method"] == PASSWORD or registry.of_word(data["method"]).needs_password):
            raise ValidationError(PASSWORD_FAULT, "password")

    @post_load
    def _gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        answer = self.load_answer(data, Schema if data["method"] == PASSWORD else None)
        return {"password": None, **data, "answer": answer}


class SteppedUpOut(Schema):
    """A new access token of the same session; times in seconds."""

    token = fields.String(required=True)
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True)
    session_id = fields.UUID(required=True)
    acr = fields.String(required=True)
