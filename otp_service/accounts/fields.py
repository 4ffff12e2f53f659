"""Schema fields for an e-mail address, a phone number and a password; each loads one canonical form."""

from typing import Any

from marshmallow import ValidationError, fields, validate

from otp_service.accounts import email_addresses, password_policy
from otp_service.core import phone
from otp_service.core.services import settings
from otp_service.core.web.schema import NO_NUL, one_fault
from otp_service.mail.wire_addresses import UNSENDABLE

EMAIL_FAULT = "Provide a valid email address."
UNSENDABLE_FAULT = f"Provide another email address: {UNSENDABLE}."
PHONE_FAULT = "Provide a valid phone number with its country code, such as +14155552671."


class EmailField(fields.String):
    """Loads the canonical address."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            error_messages=one_fault(EMAIL_FAULT),
            metadata={
                "format": "email",
                "pattern": r"[^@\s\x00]+@[^@\s.\x00]+(\.[^@\s.\x00]+)+",
                "maxLength": email_addresses.MAXIMUM_LENGTH,
                "description": "An e-mail address. Case does not count.",
                "examples": ["ada@example.com"],
            },
            **options,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        address = email_addresses.canonical(super()._deserialize(value, attr, data, **kwargs))
        if address is None:
            raise ValidationError(EMAIL_FAULT)
        return address


class NewEmailField(EmailField):
    """Loads the canonical address that an account is to get. Messages to it must be able to leave (ADR 26)."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        address = super()._deserialize(value, attr, data, **kwargs)
        if not email_addresses.can_be_given(address):
            raise ValidationError(UNSENDABLE_FAULT)
        return address


class PhoneField(fields.String):
    """Loads the E.164 number."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            error_messages=one_fault(PHONE_FAULT),
            metadata={
                "description": "In any spelling, with digits of any script and with its country code.",
                "format": "phone-number",
                "pattern": "([Tt][Ee][Ll]:)?[^A-Za-z\\u0000]+",
                "minLength": 5,
                "maxLength": phone.LONGEST_TEXT,
                "examples": ["+14155552671"],
            },
            **options,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        number = phone.parse(text, default_region=settings().codes.phone_default_region)
        if number is None:
            raise ValidationError(PHONE_FAULT)
        return number.e164


class NewPasswordField(fields.String):
    """Loads a password to set, as it was typed. Services check the policy, which knows the account."""

    def __init__(self, fault: str, *, example: str = "Tram-To-Altstetten-7", is_required: bool = True) -> None:
        super().__init__(
            required=is_required,
            validate=validate.Length(min=1, error=fault),
            error_messages=one_fault(fault),
            metadata={"format": "password", "examples": [example]},
        )

    def json_schema(self) -> dict[str, Any]:
        """Return the lengths under the settings."""
        passwords = settings().passwords
        classes = " With an upper-case letter, a lower-case letter and a digit." if passwords.requires_classes else ""
        about = f"A new password.{classes} Common and breached passwords are rejected."
        longest = password_policy.PasswordPolicy().maximum_length
        return {"minLength": passwords.minimum_length, "maxLength": longest, "pattern": NO_NUL, "description": about}


def password(fault: str = "Provide your password.", *, is_required: bool = True) -> fields.String:
    """Make a field for an existing password as it was typed, of any length: one that is too long is a wrong one."""
    return fields.String(
        required=is_required,
        validate=validate.Length(min=1, error=fault),
        error_messages=one_fault(fault),
        metadata={"format": "password", "pattern": NO_NUL, "examples": ["Tram-To-Altstetten-7"]},
    )
