"""Request and response schemas of `/users`."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validates_schema

from otp_service.accounts import password_policy
from otp_service.accounts.fields import EmailField, NewEmailField, NewPasswordField, PhoneField
from otp_service.backends.schemas import SearchIn
from otp_service.core.crypto import hashing
from otp_service.core.web.schema import Flag, Schema, cursor
from otp_service.selfservice.schemas import ProfileIn

FLAG_FAULT = "Provide true or false."
BOTH_FAULT = "Provide password or passwordHash, not both."
NUMBER_FAULT = "A verified number needs phoneNumber."
_TEXT = {"type": "string"}


class UsersIn(SearchIn):
    """Which users to list. Address and number are compared as a whole, in any spelling."""

    cursor = cursor("users")
    email = EmailField()


def _check_hash(text: str) -> None:
    if fault := hashing.fault_of(text):
        raise ValidationError(f"The hash {fault}.")


class UserIn(ProfileIn):
    """A user to create. Without a password, the user sets one with the link of `/set-password-link`."""

    email = NewEmailField(required=True)
    phone_number = PhoneField()
    password = NewPasswordField("Provide a password.", is_required=False)
    password_hash = fields.String(
        validate=_check_hash,
        metadata={
            "description": "bcrypt's `$2a$`, `$2b$`, `$2y$`, or this service's `$bcrypt-sha256$`, of cost 4 to 15.",
            "pattern": hashing.PATTERN,
            "examples": ["$2b$12$WApznUPhDubN0oeveSXHp.Z7qPMRC0gHMvoW6E1zyAfMUJPhEmaXu"],
        },
    )
    is_verified = Flag(FLAG_FAULT, load_default=False, metadata={"description": "Whether the number is verified."})
    email_verified = Flag(FLAG_FAULT, load_default=False)

    conditions: ClassVar[dict[str, Any]] = {
        "not": {"required": ["password", "passwordHash"], "properties": {"password": _TEXT, "passwordHash": _TEXT}},
        "if": {"required": ["isVerified"], "properties": {"isVerified": {"const": True}}},
        "then": {"required": ["phoneNumber"], "properties": {"phoneNumber": _TEXT}},
    }

    # Also with faults of other fields, so that one response lists all of them.
    @validates_schema(skip_on_field_errors=False)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        faults: dict[str, list[str]] = {}
        if "password" in data and "password_hash" in data:
            faults["passwordHash"] = [BOTH_FAULT]
        elif "password" in data:
            known = {name: data.get(name, "") for name in ("email", "phone_number")}
            faults["password"] = password_policy.faults_of(data["password"], **known)
        if data.get("is_verified") and "phone_number" not in data:
            faults["isVerified"] = [NUMBER_FAULT]
        if faults := {name: texts for name, texts in faults.items() if texts}:
            raise ValidationError(faults)


class UserPatchIn(ProfileIn):
    """What to change; omitted fields keep their values. A new address or number is unverified unless it says so."""

    email = NewEmailField()
    email_verified = Flag(FLAG_FAULT)
    phone_number = PhoneField()
    is_verified = Flag(FLAG_FAULT, metadata={"description": "Whether the number is verified."})


class ManagedUserOut(Schema):
    """A user, as shown to a backend."""

    id = fields.Integer(required=True)
    user_id = fields.Integer(
        attribute="id",
        dump_only=True,
        required=True,
        metadata={"description": "The same as `id`, under the name that the routes of people use."},
    )
    email = fields.String(
        attribute="address",
        required=True,
        allow_none=True,
        metadata={"description": "Null after the owner of the mailbox took the address back."},
    )
    email_verified = fields.Boolean(required=True)
    phone_number = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "E.164; null without a number, or after another account verified it."},
    )
    is_verified = fields.Boolean(required=True, metadata={"description": "Whether the number is verified."})
    display_name = fields.String(allow_none=True, required=True)
    locale = fields.String(allow_none=True, required=True)
    locked_at = fields.DateTime(
        required=True, allow_none=True, metadata={"description": "Since when no sign-in succeeds; null if not locked."}
    )
    lock_reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Null for a lock by an operator or a backend."}
    )
    erase_at = fields.DateTime(
        required=True, allow_none=True, metadata={"description": "When the account is erased, at its holder's request."}
    )
    created_at = fields.DateTime(required=True)


class UsersOut(Schema):
    """A page of users, newest first; `next` is the cursor of the page after it, null at the end."""

    users = fields.List(fields.Nested(ManagedUserOut), required=True)
    next = fields.String(required=True, allow_none=True)


class UserSessionOut(Schema):
    """A live session of a user."""

    id = fields.UUID(required=True)
    ip = fields.String(required=True)
    agent = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    last_used_at = fields.DateTime(required=True, metadata={"description": "When it was last refreshed."})
    expires_at = fields.DateTime(required=True)
    amr = fields.List(fields.String(), required=True, metadata={"examples": [["pwd", "sms"]]})
    acr = fields.String(required=True, metadata={"examples": ["aal2"]})


class UserSessionsOut(Schema):
    """All live sessions of a user, last used first."""

    sessions = fields.List(fields.Nested(UserSessionOut), required=True)


class MfaResetOut(Schema):
    """How many factors of each kind were removed."""

    user_id = fields.Integer(required=True)
    removed = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class PasswordLinkOut(Schema):
    """A link with which the user sets a password, once. Hand it over securely: it opens the account."""

    user_id = fields.Integer(required=True)
    token = fields.String(required=True, metadata={"description": "For `POST /auth/set-password`."})
    link = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Null without FRONTEND_URL and PUBLIC_URL."},
    )
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
