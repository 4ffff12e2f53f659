"""The two ceremonies of WebAuthn, as far as they are pure: options out, answers checked. No database, no state.

The library does the checks of sections 7.1 and 7.2; it is imported where it is used, since that takes a while.
"""

import binascii
import json
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from otp_service.core.services import settings
from otp_service.core.text import decoded_base64
from otp_service.factors.webauthn.answers import Assertion, Attestation, Enrolled, Shown
from otp_service.factors.webauthn.errors import PasskeysOff, Refused
from otp_service.factors.webauthn.settings import WebAuthnSettings

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

CHALLENGE_BYTES = 32
TIMEOUT_MILLISECONDS = 300_000
TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "internal", "cable", "hybrid"})

Known = tuple[bytes, tuple[str, ...]]
"""A credential's id and transports."""


def rp_id() -> str:
    """The domain of our passkeys. Raises PasskeysOff."""
    domain = settings().of(WebAuthnSettings).rp_id
    if domain is None:
        raise PasskeysOff
    return domain


def creation_options(*, handle: bytes, name: str, label: str, challenge: bytes, known: Iterable[Known]) -> Any:
    """PublicKeyCredentialCreationOptionsJSON: any authenticator but those that hold one of `known` already."""
    from webauthn import generate_registration_options
    from webauthn.helpers import options_to_json_dict, structs

    options = generate_registration_options(
        rp_id=rp_id(),
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


def request_options(*, challenge: bytes, allowed: Iterable[Known], needs_verification: bool) -> Any:
    """PublicKeyCredentialRequestOptionsJSON; without `allowed` for whichever passkey the person chooses."""
    from webauthn import generate_authentication_options
    from webauthn.helpers import options_to_json_dict, structs

    requirement = structs.UserVerificationRequirement
    options = generate_authentication_options(
        rp_id=rp_id(),
        challenge=challenge,
        timeout=TIMEOUT_MILLISECONDS,
        allow_credentials=_descriptors(allowed),
        user_verification=requirement.REQUIRED if needs_verification else requirement.PREFERRED,
    )
    named = options_to_json_dict(options)
    if not named["allowCredentials"]:
        del named["allowCredentials"]
    return named


def signed_challenge(client_data: bytes) -> bytes:
    """The challenge that an answer names. Raises Refused; for a page inside a page of somebody else, too."""
    try:
        said = json.loads(client_data)
        challenge = decoded_base64(said["challenge"], needs_padding=False)
        is_framed = bool(said.get("crossOrigin")) or "topOrigin" in said
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error) as error:
        raise Refused("the client data cannot be read") from error
    if is_framed:
        raise Refused("the page was inside another one")
    return challenge


def verify_attestation(attestation: Attestation, *, challenge: bytes) -> Enrolled:
    """Check a new credential (section 7.1). Raises Refused."""
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
            expected_rp_id=rp_id(),
            expected_origin=list(settings().of(WebAuthnSettings).origins),
            supported_pub_key_algs=_algorithms(),
        )
        aaguid = uuid.UUID(verified.aaguid)
    except Exception as error:  # bytes of a stranger: whatever a parser stumbles over, they are refused
        raise Refused(str(error)) from error
    if verified.credential_id != attestation.raw_id:
        raise Refused("the credential is another one than the browser says")
    return Enrolled(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        aaguid=aaguid,
        synced=verified.credential_backed_up,
    )


def verify_assertion(assertion: Assertion, *, challenge: bytes, public_key: bytes, needs_verification: bool) -> Shown:
    """Check a signature (section 7.2) but for the counter, which is the caller's to compare. Raises Refused."""
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
            expected_rp_id=rp_id(),
            expected_origin=list(settings().of(WebAuthnSettings).origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=needs_verification,
        )
    except Exception as error:  # as above
        raise Refused(str(error)) from error
    return Shown(
        sign_count=verified.new_sign_count,
        user_verified=verified.user_verified,
        synced=verified.credential_backed_up,
    )


def _algorithms() -> Any:
    """ES256, EdDSA and RS256: what authenticators in use can do between them."""
    from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm

    return [Algorithm.ECDSA_SHA_256, Algorithm.EDDSA, Algorithm.RSASSA_PKCS1_v1_5_SHA_256]


def _descriptors(known: Iterable[Known]) -> "list[PublicKeyCredentialDescriptor]":
    from webauthn.helpers import structs

    return [
        structs.PublicKeyCredentialDescriptor(id=id, transports=[structs.AuthenticatorTransport(one) for one in ways])
        for id, ways in known
    ]
