"""Request and response schemas of the sign-in routes."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validates_schema

from otp_service.accounts import password_policy
from otp_service.accounts.fields import EmailField, NewEmailField, NewPasswordField, PhoneField, password
from otp_service.auth.step_up import PASSWORD
from otp_service.captcha import token_field
from otp_service.core.web.schema import Flag, OpenOut, Schema, text
from otp_service.factors import registry
from otp_service.factors.contract import Factor
from otp_service.factors.phone.schemas import CodeField, channel
from otp_service.factors.schemas import ResponseIn, method, method_fault
from otp_service.verifications import CHANNELS

NAME_FAULT = "Provide exactly one of challengeToken, email and phoneNumber."
METHODS = (*registry.METHOD_NAMES, PASSWORD)
METHOD_FAULT = method_fault(METHODS)
PASSWORD_FAULT = "Provide your password."  # noqa: S105 - a sentence


def remember_device() -> Flag:
    """Whether sign-ins on this device may skip the second step for a while."""
    return Flag("Provide true or false.", load_default=False)


class RegisterIn(Schema):
    """A new account."""

    email = NewEmailField(required=True)
    password = NewPasswordField("Provide a password.")
    phone_number = PhoneField(required=True)
    captcha_token = token_field()

    # Also with faults of other fields, so that one response lists all of them.
    @validates_schema(skip_on_field_errors=False)
    def _check_password(self, data: dict[str, Any], **_: Any) -> None:
        if "password" in data:
            known = {name: data.get(name, "") for name in ("email", "phone_number")}
            faults = password_policy.faults_of(data["password"], **known)
            if faults:
                raise ValidationError(faults, "password")


class RegisteredOut(Schema):
    """A registered account. With HIDE_ACCOUNT_EXISTENCE, the same response for an address that is taken."""

    message = fields.String(required=True)
    user_id = fields.Integer(metadata={"description": "Absent with HIDE_ACCOUNT_EXISTENCE."})
    notice = fields.String(required=True, metadata={"description": "For people: the risk of codes on the phone."})


class _PasswordIn(Schema):
    password = password()
    device_token = text(
        "Provide the deviceToken or knownDeviceToken of an earlier sign-in, or leave it out.", required=False
    )
    captcha_token = token_field()


class _EmailIn(Schema):
    email = EmailField(required=True)


class _NumberIn(Schema):
    phone_number = PhoneField(required=True)


class LoginIn(_PasswordIn, _EmailIn):
    """A password to check."""


class NumberLoginIn(_PasswordIn, _NumberIn):
    """A password to check, for an account without an address."""


class TokensOut(Schema):
    """Tokens; times in seconds."""

    token = fields.String()
    token_type = fields.String()
    expires_in = fields.Integer()
    refresh_token = fields.String(metadata={"description": "Absent with `X-Token-Transport: cookie`."})
    csrf_token = fields.String(
        metadata={"description": "With `X-Token-Transport: cookie`: send it as `X-CSRF-Token` with the cookie."}
    )
    session_id = fields.UUID()
    device_token = fields.String(metadata={"description": "Where `rememberDevice` was asked for; shown once."})
    known_device_token = fields.String(
        metadata={"description": "Send it as `deviceToken` with the next sign-in: strangers cannot make it wait."}
    )


def _methods() -> fields.List[str]:
    """The user's methods, the best first."""
    return fields.List(fields.String(metadata={"enum": [*registry.METHOD_NAMES]}))


def _default_method() -> fields.String:
    return fields.String(allow_none=True, metadata={"enum": [*registry.METHOD_NAMES, None]})


def _channel() -> fields.String:
    """The channel of a code that was sent."""
    return fields.String(metadata={"enum": [str(channel) for channel in CHANNELS]})


class SignedInOut(TokensOut):
    """No second step is needed: tokens."""

    message = fields.String(required=True, metadata={"examples": ["Login successful."]})
    user_id = fields.Integer(required=True)
    requires_otp = fields.Boolean(required=True, metadata={"enum": [False]})
    token = fields.String(required=True)
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True)
    session_id = fields.UUID(required=True)


class SecondStepOut(Schema):
    """A second step is needed: a challenge, and the methods that complete the sign-in."""

    message = fields.String(required=True, metadata={"examples": ["Login successful. OTP sent for verification."]})
    user_id = fields.Integer(required=True)
    requires_otp = fields.Boolean(required=True, metadata={"enum": [True]})
    challenge_token = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds until the challenge ends."})
    methods = _methods()
    default_method = _default_method()
    channel = _channel()
    phone_number = fields.String(metadata={"description": "Masked.", "examples": ["+1******2671"]})
    otp_error = fields.String(metadata={"description": "Why no code was sent.", "examples": ["Wait 2 minutes."]})
    otp_error_code = fields.String(
        metadata={"description": "The same, as a stable code.", "examples": ["otp_cooldown"]}
    )
    retry_after = fields.Integer(metadata={"description": "Seconds until a code may be requested."})


class LoginOut(TokensOut):
    """Tokens, or the challenge that leads to them."""

    variants = (SecondStepOut, SignedInOut)

    message = fields.String(required=True)
    user_id = fields.Integer(required=True)
    requires_otp = fields.Boolean(required=True)
    challenge_token = fields.String()
    methods = _methods()
    default_method = _default_method()
    channel = _channel()
    phone_number = fields.String(metadata={"description": "Masked."})
    otp_error = fields.String(metadata={"description": "Why no code was sent."})
    otp_error_code = fields.String(metadata={"description": "The same, as a stable code."})
    retry_after = fields.Integer(metadata={"description": "Seconds until a code may be requested."})


class _NamedIn(Schema):
    one_of = ("challenge_token", "email", "phone_number")

    challenge_token = text("Provide the challengeToken of your sign-in.", required=False)
    email = EmailField()
    phone_number = PhoneField()

    @validates_schema(skip_on_field_errors=True)
    def _check_name(self, data: dict[str, Any], **_: Any) -> None:
        given = [name for name in self.one_of if name in data]
        if len(given) != 1:
            raise ValidationError({"challengeToken": [NAME_FAULT]})

    @post_load
    def _gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**data, "named": {name: data.pop(name, None) for name in self.one_of}}


class RequestOtpIn(_NamedIn):
    """Who needs a code, and by which channel; with the token of a device that the account knows."""

    channel = channel()
    device_token = text("Provide a knownDeviceToken, or leave it out.", required=False)
    captcha_token = token_field()


class OtpSentOut(Schema):
    """A code on its way; times in seconds."""

    message = fields.String(required=True, metadata={"examples": ["OTP sent via sms to +1******2671."]})
    channel = fields.String(required=True, metadata={"enum": [str(channel) for channel in CHANNELS]})
    expires_in = fields.Integer(required=True)
    resend_after = fields.Integer(required=True)


class VerifyOtpIn(_NamedIn):
    """Who verifies a phone, and with which code."""

    otp_code = CodeField()
    remember_device = remember_device()


class VerifiedOut(TokensOut):
    """A verified phone; with tokens for the holder of a challenge."""

    message = fields.String(required=True)
    user_id = fields.Integer(required=True)
    enrolment_required = fields.Boolean(
        metadata={"description": "The phone is not enough here: set up another factor (MFA_BEYOND_PHONE)."}
    )
    deletion_cancelled = fields.Boolean(
        metadata={"description": "The account was to be deleted; this sign-in has undone that."}
    )
    recovery_hold_until = fields.DateTime(
        metadata={"description": "Until then the session changes no factor, number or address (403 recovery_hold)."}
    )


class PhoneVerifiedOut(VerifiedOut):
    """A verified phone, and whether the caller was signed in: only the holder of a challenge is."""

    verified = fields.Boolean(required=True)
    signed_in = fields.Boolean(required=True, metadata={"description": "Whether the response has tokens."})


class ChallengeIn(Schema):
    """The sign-in to continue."""

    challenge_token = text("Provide the challengeToken of your sign-in.")


def challenge_response(factor: Factor) -> type[Schema]:
    """Make the body of a factor's sign-in route: the challenge, and the factor's own fields."""
    parts = {"remember_device": remember_device()}
    return type(f"{factor.kind.title().replace('_', '')}SignInIn", (factor.response, ChallengeIn), parts)


class OfferOut(OpenOut):
    """What a client needs before it can respond, in the form of the factor's own standard; empty if it needs none."""


class KnownDeviceRequestIn(Schema):
    """The address of the account."""

    email = EmailField(required=True)


class KnownDeviceIn(Schema):
    """The token of an e-mail."""

    token = text("Provide the token of your e-mail.")


class KnownDeviceOut(Schema):
    """What makes this client known."""

    message = fields.String(required=True)
    known_device_token = fields.String(
        metadata={"description": "Send it as `deviceToken` with the sign-in, within a day."}
    )


class SetPasswordIn(Schema):
    """The token of a link, and the password to set."""

    token = text("Provide the token of your link.")
    new_password = NewPasswordField("Provide a password.")


class RefreshIn(Schema):
    """A refresh token to exchange. A browser that holds the cookie leaves it out, or sends no body at all."""

    refresh_token = text("Provide the refreshToken.")


class EmailTokenIn(Schema):
    """The token of a link; for a change outside the session that requested it, the account's password as well."""

    token = text("Provide the token of your link.")
    password = password(PASSWORD_FAULT, is_required=False)


class EmailReleaseIn(Schema):
    """The token of a link that releases an address."""

    token = text("Provide the token of your link.")


class EmailVerifiedOut(Schema):
    """A message for the person. After a change, the session that requested it also gets a new access token."""

    message = fields.String(required=True)
    token = fields.String(metadata={"description": "The earlier access token no longer works."})
    token_type = fields.String()
    expires_in = fields.Integer()
    session_id = fields.UUID()
    acr = fields.String()


class EmailMessageOut(Schema):
    """A message for the person."""

    message = fields.String(required=True)


class StepUpCodeIn(Schema):
    """The channel for the code."""

    channel = channel()


class StepUpOptionsIn(Schema):
    """The method whose options the client needs."""

    method = method()


class StepUpIn(ResponseIn):
    """A response by one of the account's methods, and the password where the method alone is a single factor."""

    password = password(PASSWORD_FAULT, is_required=False)
    method = method(METHODS)

    @classmethod
    def responses(cls) -> dict[str, tuple[type[Schema] | None, tuple[str, ...]]]:
        """Add the password, alone or where the method is no two factors by itself."""
        by_method = {
            name: (response, ("password",) if registry.get(name).needs_password else ())
            for name, (response, _) in super().responses().items()
        }
        return {**by_method, PASSWORD: (None, ("password",))}

    @validates_schema(skip_on_field_errors=True)
    def _check_password(self, data: dict[str, Any], **_: Any) -> None:
        if "password" not in data and (data["method"] == PASSWORD or registry.get(data["method"]).needs_password):
            raise ValidationError(PASSWORD_FAULT, "password")

    @post_load
    def _gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        response = self.load_response(data, Schema if data["method"] == PASSWORD else None)
        return {"password": None, **data, "response": response}


class SteppedUpOut(Schema):
    """A new access token of the same session; times in seconds."""

    token = fields.String(required=True)
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True)
    session_id = fields.UUID(required=True)
    acr = fields.String(required=True)
