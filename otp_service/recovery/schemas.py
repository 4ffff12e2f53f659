"""Request and response schemas of the password reset."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validates_schema

from otp_service.accounts import password_policy
from otp_service.accounts.fields import EmailField, NewPasswordField
from otp_service.captcha import token_field
from otp_service.core.web.schema import Flag, Schema, text
from otp_service.factors import registry
from otp_service.factors.phone.schemas import CodeField
from otp_service.factors.schemas import ResponseIn, method
from otp_service.recovery import email_codes
from otp_service.recovery.second_channel import SecondFactor

LONGEST_CODE = 64
METHODS = (*registry.METHOD_NAMES, email_codes.METHOD)


class PasswordResetIn(Schema):
    """The address of the account, and the token of a device that it knows."""

    email = EmailField(required=True)
    device_token = text("Provide a knownDeviceToken, or leave it out.", required=False)
    captcha_token = token_field()


class PasswordResetOut(Schema):
    """The same response whether or not there is an account."""

    message = fields.String(required=True)


class EmailCodeResponse(Schema):
    """The code from the e-mail. A text that cannot be a code is no fault of form: it is a wrong code."""

    code = text("Provide the code from the e-mail.", maximum=LONGEST_CODE)


class SecondFactorIn(ResponseIn):
    """A response by another factor than the phone, or the code from the e-mail."""

    method = method(METHODS)

    @classmethod
    def responses(cls) -> dict[str, tuple[type[Schema] | None, tuple[str, ...]]]:
        """Add the code from the e-mail."""
        return {**super().responses(), email_codes.METHOD: (EmailCodeResponse, ())}

    @post_load
    def _gather(self, data: dict[str, Any], **_: Any) -> SecondFactor:
        schema = EmailCodeResponse if data["method"] == email_codes.METHOD else None
        return SecondFactor(data["method"], self.load_response(data, schema))


class PasswordResetConfirmIn(Schema):
    """The code that was sent, and the password to set."""

    email = EmailField(required=True)
    otp_code = CodeField()
    new_password = NewPasswordField("Provide a password.")
    second_factor = fields.Nested(SecondFactorIn)
    remove_recent_factors = Flag(
        "Provide true or false.",
        load_default=False,
        metadata={"description": "Also remove the factors that were added within 72 hours."},
    )

    @post_load
    def _gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {
            "email": data["email"],
            "code": data["otp_code"],
            "new_password": data["new_password"],
            "second": data.get("second_factor"),
            "removes_recent": data["remove_recent_factors"],
        }

    @validates_schema(skip_on_field_errors=False)
    def _check_password(self, data: dict[str, Any], **_: Any) -> None:
        """Check what needs no account; the account's number is compared after a right code."""
        if "new_password" in data:
            known = {"email": data.get("email", ""), "phone_number": ""}
            faults = password_policy.faults_of(data["new_password"], **known)
            if faults:
                raise ValidationError(faults, "newPassword")
