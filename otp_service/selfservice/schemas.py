"""Request and response schemas of `/account/*` and `/profile`."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from otp_service.accounts.fields import NewEmailField, NewPasswordField, PhoneField, password
from otp_service.auth.schemas import TokensOut
from otp_service.core.text import LANGUAGE_TAG, LONGEST_LANGUAGE_TAG, SHOWN_TEXT, steers
from otp_service.core.web.schema import OpenOut, Schema, cursor, text
from otp_service.factors.phone.schemas import CodeField, channel
from otp_service.factors.registry import METHOD_NAMES
from otp_service.factors.schemas import ResponseIn, method, method_fault
from otp_service.sessions.schemas import NewTokenOut

LOCALE_FAULT = "Provide a language tag such as en or pt-BR (RFC 5646), of at most 35 characters."
CONTROL_FAULT = "Provide a name without control characters."


class UserOut(Schema):
    """A user, as shown to that user."""

    user_id = fields.Integer(attribute="id", required=True)
    email = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Null after the owner of the mailbox took the address back."},
    )
    email_verified = fields.Boolean(required=True)
    phone_number = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "E.164; null after another account verified the number."},
    )
    is_verified = fields.Boolean(required=True, metadata={"description": "Whether the number is verified."})
    display_name = fields.String(allow_none=True, required=True)
    locale = fields.String(allow_none=True, required=True)
    created_at = fields.DateTime(required=True)


class ProfileOut(Schema):
    """The response of GET and PATCH /profile."""

    message = fields.String(required=True)
    user = fields.Nested(UserOut, required=True)


def _reject_control_characters(text: str) -> None:
    if steers(text):
        raise ValidationError(CONTROL_FAULT)


class ProfileIn(Schema):
    """The fields of a profile that its owner may change."""

    display_name = fields.String(
        allow_none=True,
        validate=[
            validate.Length(min=1, max=100, error="Provide 1 to 100 characters."),
            _reject_control_characters,
        ],
        metadata={"pattern": SHOWN_TEXT, "examples": ["Ada Lovelace"]},
    )
    locale = fields.String(
        allow_none=True,
        validate=[
            validate.Length(max=LONGEST_LANGUAGE_TAG, error=LOCALE_FAULT),
            validate.Regexp(rf"{LANGUAGE_TAG}\Z", error=LOCALE_FAULT),
        ],
        metadata={"description": "A language tag (RFC 5646).", "examples": ["pt-BR"]},
    )


class EventsIn(Schema):
    """The page to get: `cursor` is the `next` of the page before it."""

    cursor = cursor("events")


class EventOut(Schema):
    """A security event of the account."""

    at = fields.DateTime()
    event = fields.String()
    ip = fields.String()
    agent = fields.String()
    facts = fields.Dict()


class EventsOut(Schema):
    """A page of events, newest first; `next` is the cursor of the page after it, null at the end."""

    events = fields.List(fields.Nested(EventOut))
    next = fields.String(allow_none=True)


class PasswordChangeIn(Schema):
    """The current password and the new one."""

    current_password = password("Provide your current password.")
    new_password = NewPasswordField("Provide a new password.", example="Velo-To-Oerlikon-8")


class PasswordChangedOut(TokensOut):
    """New tokens of the same session; the earlier refresh token no longer works."""

    message = fields.String(required=True)


class EmailIn(Schema):
    """An address to change to."""

    email = NewEmailField(required=True)


class PhoneChangeIn(Schema):
    """A number to change to, and the channel for its code."""

    phone_number = PhoneField(required=True)
    channel = channel()


class PhoneChangeConfirmIn(Schema):
    """The code that was sent to the new number."""

    otp_code = CodeField()


class PhoneChangedOut(NewTokenOut):
    """The account's new number."""

    message = fields.String(required=True)
    phone_number = fields.String(required=True, metadata={"description": "E.164."})
    notice = fields.String(required=True, metadata={"description": "For people: the risk of codes on the phone."})


class UndoTokenIn(Schema):
    """The token of a link that undoes a change of number."""

    token = text("Provide the token of your link.")


class UndoIn(ResponseIn, UndoTokenIn):
    """The token of a link that undoes a change of number, and the password or a response by another factor."""

    password = password("Provide your password.", is_required=False)
    method = method(is_required=False)

    @validates_schema(skip_on_field_errors=True)
    def _check_evidence(self, data: dict[str, Any], **_: Any) -> None:
        if "method" not in data and {"code", "credential"} & data.keys():
            raise ValidationError(method_fault(METHOD_NAMES), "method")

    @post_load
    def _gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        response = self.load_response(data) if "method" in data else {}
        evidence = {"password": data.get("password"), "method": data.get("method"), "response": response}
        return {"token": data["token"], "evidence": evidence}


class UndoOut(Schema):
    """Whether the number is restored (200), or the account is frozen until the operator unlocks it (202)."""

    message = fields.String(required=True)
    frozen = fields.Boolean(required=True)


class UndoOptionsOut(Schema):
    """The methods that an undo accepts besides the password, and by method what a client needs first."""

    methods = fields.List(fields.String(), required=True)
    options = fields.Dict(required=True)


class MessageOut(Schema):
    """A message for the person."""

    message = fields.String(required=True)


class ErasureIn(Schema):
    """The password, because erasure cannot be undone."""

    password = password()


class ErasureOut(MessageOut):
    """A deletion that a sign-in can undo."""

    erased_at = fields.DateTime(
        required=True, metadata={"description": "From then on the account and its data are gone."}
    )


class ExportOut(OpenOut):
    """Everything stored about the person, one list of rows per kind. New kinds may be added."""
