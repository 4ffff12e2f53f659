"""The two ceremonies of WebAuthn without their state: options for the browser, and the check of its responses.

The library checks what sections 7.1 and 7.2 require. It is imported where it is used: the import is slow, and most
processes never need it.
"""

import binascii
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otp_service.core.services import settings
from otp_service.core.text import decoded_base64
from otp_service.factors.webauthn.errors import PasskeyRejected, PasskeysOff
from otp_service.factors.webauthn.settings import WebAuthnSettings

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

CHALLENGE_BYTES = 32
TIMEOUT_MILLISECONDS = 300_000
TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "internal", "cable", "hybrid"})

KnownCredential = tuple[bytes, tuple[str, ...]]
"""A credential's id and transports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """A new credential as the browser sends it, unverified."""

    id: bytes
    raw_id: bytes
    type: str
    client_data: bytes
    attestation_object: bytes
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """A signature as the browser sends it, unverified."""

    id: bytes
    raw_id: bytes
    type: str
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAttestation:
    """A new credential. `synced` means that it is copied to other devices of its owner."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: uuid.UUID
    synced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAssertion:
    """A right signature. `user_verified` means that the authenticator checked PIN or biometrics."""

    sign_count: int
    user_verified: bool
    synced: bool


def get_rp_id() -> str:
    """Return the domain of the passkeys. Raises PasskeysOff."""
    domain = settings().of(WebAuthnSettings).rp_id
    if domain is None:
        raise PasskeysOff
    return domain


def creation_options(
    *, handle: bytes, name: str, label: str, challenge: bytes, known: Iterable[KnownCredential]
) -> Any:
    """Return PublicKeyCredentialCreationOptionsJSON, which excludes the authenticators that hold one of `known`."""
    from webauthn import generate_registration_options
    from webauthn.helpers import options_to_json_dict, structs

    options = generate_registration_options(
        rp_id=get_rp_id(),
        rp_name=settings().of(WebAuthnSettings).rp_name,
        user_id=handle,
        user_name=name,
        user_display_name=label,
        challenge=challenge,
        timeout=TIMEOUT_MILLISECONDS,
        attestation=structs.AttestationConveyancePreference.NONE,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=_descriptors(known),
        supported_pub_key_algs=_algorithms(),
    )
    return options_to_json_dict(options)


def request_options(*, challenge: bytes, allowed: Iterable[KnownCredential], needs_verification: bool) -> Any:
    """Return PublicKeyCredentialRequestOptionsJSON. Without `allowed` the person chooses any passkey."""
    from webauthn import generate_authentication_options
    from webauthn.helpers import options_to_json_dict, structs

    requirement = structs.UserVerificationRequirement
    options = generate_authentication_options(
        rp_id=get_rp_id(),
        challenge=challenge,
        timeout=TIMEOUT_MILLISECONDS,
        allow_credentials=_descriptors(allowed),
        user_verification=requirement.REQUIRED if needs_verification else requirement.PREFERRED,
    )
    named = options_to_json_dict(options)
    if not named["allowCredentials"]:
        del named["allowCredentials"]
    return named


@dataclass(frozen=True, slots=True)
class ClientData:
    """What a browser says about a response: the challenge, and whether the page was inside another one."""

    challenge: bytes
    is_framed: bool

    def reject_framed(self) -> None:
        """Raise PasskeyRejected if the page was inside another one."""
        if self.is_framed:
            raise PasskeyRejected("the page was inside another one")


def read_client_data(client_data: bytes) -> ClientData:
    """Read what a browser says. Raises PasskeyRejected if it cannot be read."""
    try:
        # Decoded here: given bytes, the parser would take UTF-16 as well (section 5.8.1 says UTF-8).
        said = json.loads(client_data.decode("utf-8"))
        challenge = decoded_base64(said["challenge"], needs_padding=False)
        is_framed = bool(said.get("crossOrigin")) or "topOrigin" in said
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error) as error:
        raise PasskeyRejected("the client data cannot be read") from error
    return ClientData(challenge, is_framed)


def verify_attestation(attestation: Attestation, *, challenge: bytes) -> VerifiedAttestation:
    """Check a new credential (section 7.1). Raises PasskeyRejected."""
    from webauthn import verify_registration_response
    from webauthn.helpers import bytes_to_base64url, structs

    try:
        verified = verify_registration_response(
            credential=structs.RegistrationCredential(
                id=bytes_to_base64url(attestation.id),
                raw_id=attestation.raw_id,
                type=attestation.type,  # type: ignore[arg-type]  # the library compares it
                response=structs.AuthenticatorAttestationResponse(
                    client_data_json=attestation.client_data, attestation_object=attestation.attestation_object
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=get_rp_id(),
            expected_origin=list(settings().of(WebAuthnSettings).origins),
            supported_pub_key_algs=_algorithms(),
        )
        aaguid = uuid.UUID(verified.aaguid)
    except Exception as error:  # the bytes are a stranger's: whatever fails in a parser, the response is rejected
        raise PasskeyRejected(str(error)) from error
    if verified.credential_id != attestation.raw_id:
        raise PasskeyRejected("the credential is another one than the browser says")
    return VerifiedAttestation(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        aaguid=aaguid,
        synced=verified.credential_backed_up,
    )


def verify_assertion(
    assertion: Assertion, *, challenge: bytes, public_key: bytes, needs_verification: bool
) -> VerifiedAssertion:
    """Check a signature (section 7.2); the caller compares the counter. Raises PasskeyRejected."""
    from webauthn import verify_authentication_response
    from webauthn.helpers import bytes_to_base64url, structs

    try:
        verified = verify_authentication_response(
            credential=structs.AuthenticationCredential(
                id=bytes_to_base64url(assertion.id),
                raw_id=assertion.raw_id,
                type=assertion.type,  # type: ignore[arg-type]  # the library compares it
                response=structs.AuthenticatorAssertionResponse(
                    client_data_json=assertion.client_data,
                    authenticator_data=assertion.authenticator_data,
                    signature=assertion.signature,
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=get_rp_id(),
            expected_origin=list(settings().of(WebAuthnSettings).origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,  # compared by the caller, who distinguishes a clone from a wrong signature
            require_user_verification=needs_verification,
        )
    except Exception as error:  # as above
        raise PasskeyRejected(str(error)) from error
    return VerifiedAssertion(
        sign_count=verified.new_sign_count,
        user_verified=verified.user_verified,
        synced=verified.credential_backed_up,
    )


def _algorithms() -> Any:
    """ES256, EdDSA and RS256: every authenticator in use supports one of them."""
    from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm

    return [Algorithm.ECDSA_SHA_256, Algorithm.EDDSA, Algorithm.RSASSA_PKCS1_v1_5_SHA_256]


def _descriptors(known: Iterable[KnownCredential]) -> "list[PublicKeyCredentialDescriptor]":
    from webauthn.helpers import structs

    return [
        structs.PublicKeyCredentialDescriptor(id=id, transports=[structs.AuthenticatorTransport(one) for one in ways])
        for id, ways in known
    ]
