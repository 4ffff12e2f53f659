"""Request and response schemas of the password reset."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validates_schema

from otp_service.accounts import password_policy
from otp_service.accounts.fields import EmailField, password
from otp_service.core.web.schema import Schema, text
from otp_service.factors.phone.schemas import CodeField
from otp_service.factors.schemas import ResponseIn


class PasswordResetIn(Schema):
    """The address of the account, and the token of a device that it knows."""

    email = EmailField(required=True)
    device_token = text("Provide a knownDeviceToken, or leave it out.", required=False)


class PasswordResetOut(Schema):
    """The same response whether or not there is an account."""

    message = fields.String(required=True)


class SecondFactorIn(ResponseIn):
    """A response by another factor than the phone."""

    @post_load
    def _gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"method": data["method"], "response": self.load_response(data)}


class PasswordResetConfirmIn(Schema):
    """The code that was sent, and the password to set."""

    email = EmailField(required=True)
    otp_code = CodeField()
    new_password = password("Provide a password.")
    second_factor = fields.Nested(SecondFactorIn)

    @validates_schema(skip_on_field_errors=False)
    def _check_password(self, data: dict[str, Any], **_: Any) -> None:
        """Check what needs no account; the account's number is compared after a right code."""
        if "new_password" in data:
            known = {"email": data.get("email", ""), "phone_number": ""}
            faults = password_policy.faults_of(data["new_password"], **known)
            if faults:
                raise ValidationError(faults, "newPassword")
