"""Request and response schemas of passkeys: the JSON forms of WebAuthn Level 3 (section 5.1), and names."""

import re
from typing import Any

from marshmallow import EXCLUDE, ValidationError, fields, post_load, validate

from otp_service.core.text import SHOWN_TEXT, decoded_base64, steers, trimmed
from otp_service.core.web.schema import OpenOut, Schema, one_fault, text
from otp_service.factors.webauthn.ceremonies import Assertion, Attestation
from otp_service.sessions.schemas import NewTokenOut

CREDENTIAL_FAULT = "Provide the credential as the browser's toJSON() gives it."
NAME_FAULT = "Provide a name of 1 to 64 printable characters."
ID_BYTES = 1_023
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_FAULTS: dict[str, Any] = one_fault(CREDENTIAL_FAULT)


class Base64UrlField(fields.String):
    """Loads base64url text, with or without padding, as bytes."""

    def __init__(self, *, maximum: int | None = None, **options: Any) -> None:
        super().__init__(**{"required": True, "error_messages": _FAULTS, **options})
        self.metadata = {"format": "base64url", "pattern": _BASE64URL.pattern, **self.metadata}
        self._maximum = maximum

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bytes:  # type: ignore[override]
        written = super()._deserialize(value, attr, data, **kwargs)
        bare = written.rstrip("=")
        decoded = decoded_base64(bare, needs_padding=False) if _BASE64URL.fullmatch(written) else b""
        if not decoded or (self._maximum is not None and len(decoded) > self._maximum):
            raise ValidationError(CREDENTIAL_FAULT)
        return decoded


class HandleField(Base64UrlField):
    """Loads the user handle, which an authenticator may leave out: absent, null or empty."""

    def __init__(self) -> None:
        super().__init__(maximum=64, required=False, allow_none=True)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bytes | None:  # type: ignore[override]
        return None if value == "" else super()._deserialize(value, attr, data, **kwargs)


class _FromBrowser(Schema):
    """Ignores unknown fields: browsers add some as the standard grows."""

    class Meta:
        unknown = EXCLUDE


class AttestationResponse(_FromBrowser):
    """AuthenticatorAttestationResponseJSON."""

    client_data = Base64UrlField(data_key="clientDataJSON")
    attestation_object = Base64UrlField()
    transports = fields.List(
        fields.String(validate=validate.Length(max=32)), validate=validate.Length(max=16), load_default=[]
    )


class AssertionResponse(_FromBrowser):
    """AuthenticatorAssertionResponseJSON."""

    client_data = Base64UrlField(data_key="clientDataJSON")
    authenticator_data = Base64UrlField()
    signature = Base64UrlField()
    user_handle = HandleField()


class _Credential(_FromBrowser):
    id = Base64UrlField(maximum=ID_BYTES)
    raw_id = Base64UrlField(maximum=ID_BYTES)
    type = text(CREDENTIAL_FAULT, maximum=32, metadata={"examples": ["public-key"]})


class RegistrationResponse(_Credential):
    """RegistrationResponseJSON: the result of navigator.credentials.create()."""

    response = fields.Nested(AttestationResponse, required=True, error_messages=_FAULTS)

    @post_load
    def _gather(self, data: dict[str, Any], **_: Any) -> Attestation:
        response = data.pop("response")
        return Attestation(**data, **{**response, "transports": tuple(response["transports"])})


class AuthenticationResponse(_Credential):
    """AuthenticationResponseJSON: the result of navigator.credentials.get()."""

    response = fields.Nested(AssertionResponse, required=True, error_messages=_FAULTS)

    @post_load
    def _gather(self, data: dict[str, Any], **_: Any) -> Assertion:
        response = {"user_handle": None, **data.pop("response")}
        return Assertion(**data, **response)


class PasskeyIn(Schema):
    """A signature by a passkey."""

    credential = fields.Nested(AuthenticationResponse, required=True, error_messages=_FAULTS)


def _reject_what_is_not_shown(name: str) -> None:
    if steers(name) or not trimmed(name):
        raise ValidationError(NAME_FAULT)


class NameIn(Schema):
    """The name of a passkey."""

    name = fields.String(
        required=True,
        validate=[
            validate.Length(min=1, max=64, error=NAME_FAULT),
            _reject_what_is_not_shown,
        ],
        error_messages=one_fault(NAME_FAULT),
        metadata={
            "pattern": f"^(?=[\\s\\S]*[^\\s\\u061c\\u200c-\\u200f]){SHOWN_TEXT[1:]}",
            "examples": ["Key on my ring"],
        },
    )


class EnrolIn(NameIn):
    """A new passkey and its name."""

    credential = fields.Nested(RegistrationResponse, required=True, error_messages=_FAULTS)


class PasskeyOut(Schema):
    """An enrolled passkey."""

    type = fields.String(required=True)
    id = fields.UUID(required=True)
    name = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    last_used_at = fields.DateTime(required=True, allow_none=True)
    synced = fields.Boolean(required=True, metadata={"description": "Whether more than one device keeps it."})


class EnrolledOut(PasskeyOut, NewTokenOut):
    """The new passkey."""

    backup_codes = fields.List(
        fields.String(), metadata={"description": "For emergencies. Shown once, to a person who had none."}
    )


class _RelyingParty(Schema):
    id = fields.String(required=True)
    name = fields.String(required=True)


class _UserEntity(Schema):
    id = fields.String(required=True, metadata={"description": "Random; base64url."})
    name = fields.String(required=True)
    display_name = fields.String(required=True)


class _Algorithm(Schema):
    type = fields.String(required=True)
    alg = fields.Integer(required=True, metadata={"description": "COSE: ES256 is -7, EdDSA -8, RS256 -257."})


class _Descriptor(Schema):
    id = fields.String(required=True)
    type = fields.String(required=True)
    transports = fields.List(fields.String())


class _Selection(Schema):
    resident_key = fields.String()
    require_resident_key = fields.Boolean()
    user_verification = fields.String()


class _Options(OpenOut):
    """The fields that both kinds of options share."""

    challenge = fields.String(required=True)
    timeout = fields.Integer(required=True, metadata={"description": "Milliseconds."})


class CreationOptionsOut(_Options):
    """PublicKeyCredentialCreationOptionsJSON: for PublicKeyCredential.parseCreationOptionsFromJSON()."""

    rp = fields.Nested(_RelyingParty, required=True)
    user = fields.Nested(_UserEntity, required=True)
    pub_key_cred_params = fields.List(fields.Nested(_Algorithm), required=True)
    exclude_credentials = fields.List(fields.Nested(_Descriptor), required=True)
    authenticator_selection = fields.Nested(_Selection, required=True)
    attestation = fields.String(required=True)


class RequestOptionsOut(_Options):
    """PublicKeyCredentialRequestOptionsJSON: for PublicKeyCredential.parseRequestOptionsFromJSON()."""

    rp_id = fields.String(required=True)
    allow_credentials = fields.List(fields.Nested(_Descriptor))
    user_verification = fields.String(required=True)
