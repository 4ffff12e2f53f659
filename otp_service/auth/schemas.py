"""What the sign-in routes take and give."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validates_schema

from otp_service.accounts import credentials
from otp_service.accounts.fields import EmailField, PhoneField, password
from otp_service.auth.phone_codes import Named
from otp_service.core.web.schema import Flag, OpenOut, Schema, text
from otp_service.factors.contract import Factor
from otp_service.factors.phone.fields import CodeField, channel

NAME_FAULT = "Provide exactly one of challengeToken, email and phoneNumber."
TOKEN_LENGTH = 200


def remember_device() -> Flag:
    """Whether this device is to be spared the second step for a while."""
    return Flag("Provide true or false.", load_default=False)


class RegisterIn(Schema):
    """A new account."""

    email = EmailField(required=True)
    password = password("Provide a password.")
    phone_number = PhoneField(required=True)

    @validates_schema(skip_on_field_errors=False)
    def _check_password(self, data: dict[str, Any], **_: Any) -> None:
        if "password" in data:
            known = {name: data.get(name, "") for name in ("email", "phone_number")}
            faults = credentials.faults_of(data["password"], **known)
            if faults:
                raise ValidationError(faults, "password")


class RegisteredOut(Schema):
    """A registered account, or, with HIDE_ACCOUNT_EXISTENCE, what looks like one."""

    message = fields.String(required=True)
    user_id = fields.Integer(metadata={"description": "Absent with HIDE_ACCOUNT_EXISTENCE."})
    notice = fields.String(required=True, metadata={"description": "For people: the risk of codes on the phone."})


class LoginIn(Schema):
    """A password to check."""

    email = EmailField(required=True)
    password = password()
    device_token = text(
        "Provide the deviceToken of an earlier sign-in, or leave it out.", maximum=TOKEN_LENGTH, required=False
    )


class TokensOut(Schema):
    """Tokens; times in seconds."""

    token = fields.String()
    token_type = fields.String()
    expires_in = fields.Integer()
    refresh_token = fields.String()
    session_id = fields.UUID()
    device_token = fields.String(metadata={"description": "Where `rememberDevice` was asked for; shown once."})


class LoginOut(TokensOut):
    """Tokens, or what is needed to get them."""

    message = fields.String(required=True)
    user_id = fields.Integer(required=True)
    requires_otp = fields.Boolean(required=True)
    challenge_token = fields.String()
    methods = fields.List(fields.String())
    default_method = fields.String(allow_none=True)
    channel = fields.String()
    phone_number = fields.String(metadata={"description": "Masked."})
    otp_error = fields.String(metadata={"description": "Why no code was sent by itself."})
    otp_error_code = fields.String(metadata={"description": "The same as a stable word."})
    retry_after = fields.Integer(metadata={"description": "Seconds until a code may be requested."})


class _NamedIn(Schema):
    challenge_token = text("Provide the challengeToken of your sign-in.", maximum=TOKEN_LENGTH, required=False)
    email = EmailField()
    phone_number = PhoneField()

    @validates_schema(skip_on_field_errors=True)
    def _check_name(self, data: dict[str, Any], **_: Any) -> None:
        given = [name for name in ("challenge_token", "email", "phone_number") if name in data]
        if len(given) != 1:
            raise ValidationError({"challengeToken": [NAME_FAULT]})

    @post_load
    def _gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        names = ("challenge_token", "email", "phone_number")
        return {**data, "named": Named(**{name: data.pop(name, None) for name in names})}


class RequestOtpIn(_NamedIn):
    """Who wants a code, and how."""

    channel = channel()


class OtpSentOut(Schema):
    """A code on its way; times in seconds."""

    message = fields.String(required=True)
    channel = fields.String(required=True)
    expires_in = fields.Integer(required=True)
    resend_after = fields.Integer(required=True)


class VerifyOtpIn(_NamedIn):
    """Who proves a phone, and with which code."""

    otp_code = CodeField()
    remember_device = remember_device()


class VerifiedOut(TokensOut):
    """A proven phone; with tokens for the holder of a challenge."""

    message = fields.String(required=True)
    user_id = fields.Integer(required=True)
    enrolment_required = fields.Boolean(
        metadata={"description": "The phone is not enough here: set up another factor (MFA_BEYOND_PHONE)."}
    )


class ChallengeIn(Schema):
    """The sign-in to go on with."""

    challenge_token = text("Provide the challengeToken of your sign-in.", maximum=TOKEN_LENGTH)


def answer_to_challenge(factor: Factor) -> type[Schema]:
    """The body of a factor's sign-in route: the challenge, and the factor's own fields."""
    parts = {"remember_device": remember_device()}
    return type(f"{factor.kind.title().replace('_', '')}SignInIn", (factor.answer, ChallengeIn), parts)


class OfferOut(OpenOut):
    """What a client needs before it can answer, in the words of the factor's own standard; empty for none."""


class SetPasswordIn(Schema):
    """A link's token and the password to set."""

    token = text("Provide the token of your link.", maximum=TOKEN_LENGTH)
    new_password = password("Provide a password.")


class RefreshIn(Schema):
    """A refresh token to exchange."""

    refresh_token = text("Provide the refreshToken.", maximum=TOKEN_LENGTH)
