"""What the routes of a recovery take and give."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validates_schema

from otp_service.accounts import password_policy
from otp_service.accounts.fields import EmailField, password
from otp_service.core.web.schema import Schema
from otp_service.factors.phone.fields import CodeField
from otp_service.factors.schemas import AnswerIn
from otp_service.recovery.second_step import Answer


class PasswordResetIn(Schema):
    """Whose password is forgotten."""

    email = EmailField(required=True)


class PasswordResetOut(Schema):
    """The same for everybody."""

    message = fields.String(required=True)


class SecondFactorIn(AnswerIn):
    """Another factor than the phone."""

    @post_load
    def _gather(self, data: dict[str, Any], **_: Any) -> Answer:
        return Answer(data["method"], self.load_answer(data))


class PasswordResetConfirmIn(Schema):
    """The code that came, and the password to set."""

    email = EmailField(required=True)
    otp_code = CodeField()
    new_password = password("Provide a password.")
    second_factor = fields.Nested(SecondFactorIn)

    @validates_schema(skip_on_field_errors=False)
    def _check_password(self, data: dict[str, Any], **_: Any) -> None:
        """As far as the request shows it: whose number it must not be is not known here."""
        if "new_password" in data:
            known = {"email": data.get("email", ""), "phone_number": ""}
            faults = password_policy.faults_of(data["new_password"], **known)
            if faults:
                raise ValidationError(faults, "newPassword")
