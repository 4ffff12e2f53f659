"""The published test vectors of WebAuthn Level 3 (W3C, section 16): they are taken, and not with one bit changed.

`vectors.json` has, in hexadecimal as published: ES256 without attestation (16.2), RS256 and Ed25519 with packed
attestation (16.10, 16.11: the document has none of these without), for https://example.org.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask

from otp_service.application import create_app
from otp_service.factors.webauthn import ceremonies
from otp_service.factors.webauthn.ceremonies import Assertion, Attestation, VerifiedAssertion
from otp_service.factors.webauthn.errors import PasskeyRejected
from tests.environments import load

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))


@pytest.fixture(params=VECTORS)
def vector(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(VECTORS[request.param])


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application with the settings of the vectors."""
    folder = tmp_path_factory.mktemp("vectors")
    return create_app(load(folder, WEBAUTHN_RP_ID="example.org", WEBAUTHN_ORIGINS="https://example.org"))


@pytest.fixture
def example_org(application: Flask) -> Iterator[None]:
    """Its context."""
    with application.app_context():
        yield


def attestation_of(vector: dict[str, Any]) -> Attestation:
    id, registration = bytes.fromhex(vector["credentialId"]), vector["registration"]
    return Attestation(
        id=id,
        raw_id=id,
        type="public-key",
        client_data=bytes.fromhex(registration["clientDataJSON"]),
        attestation_object=bytes.fromhex(registration["attestationObject"]),
        transports=(),
    )


def assertion_of(vector: dict[str, Any]) -> Assertion:
    id, authentication = bytes.fromhex(vector["credentialId"]), vector["authentication"]
    return Assertion(
        id=id,
        raw_id=id,
        type="public-key",
        client_data=bytes.fromhex(authentication["clientDataJSON"]),
        authenticator_data=bytes.fromhex(authentication["authenticatorData"]),
        signature=bytes.fromhex(authentication["signature"]),
        user_handle=None,
    )


def register(vector: dict[str, Any]) -> bytes:
    """The public key of a vector."""
    attestation = attestation_of(vector)
    challenge = bytes.fromhex(vector["registration"]["challenge"])
    assert ceremonies.read_client_data(attestation.client_data).challenge == challenge
    enrolled = ceremonies.verify_attestation(attestation, challenge=challenge)
    assert enrolled.credential_id.hex() == vector["credentialId"]
    return enrolled.public_key


def authenticate(vector: dict[str, Any], assertion: Assertion) -> VerifiedAssertion:
    challenge = bytes.fromhex(vector["authentication"]["challenge"])
    return ceremonies.verify_assertion(
        assertion, challenge=challenge, public_key=register(vector), needs_verification=False
    )


@pytest.mark.usefixtures("example_org")
def test_a_published_credential_signs_in(vector: dict[str, Any]) -> None:
    assertion = assertion_of(vector)
    assert ceremonies.read_client_data(assertion.client_data).challenge.hex() == vector["authentication"]["challenge"]
    assert authenticate(vector, assertion).sign_count == 0


@pytest.mark.usefixtures("example_org")
@pytest.mark.parametrize("part", ["client_data", "authenticator_data", "signature"])
def test_a_published_signature_with_a_changed_bit_is_refused(vector: dict[str, Any], part: str) -> None:
    right = assertion_of(vector)
    raw: bytes = getattr(right, part)
    for position in (0, len(raw) // 2, len(raw) - 1):
        bent = bytes([*raw[:position], raw[position] ^ 1, *raw[position + 1 :]])
        with pytest.raises(PasskeyRejected):
            authenticate(vector, replace(right, **cast(Any, {part: bent})))


@pytest.mark.usefixtures("example_org")
def test_a_key_does_not_sign_for_another(vector: dict[str, Any]) -> None:
    for other in VECTORS.values():
        if other == vector:
            continue
        with pytest.raises(PasskeyRejected):
            ceremonies.verify_assertion(
                assertion_of(vector),
                challenge=bytes.fromhex(vector["authentication"]["challenge"]),
                public_key=register(other),
                needs_verification=False,
            )


@pytest.mark.usefixtures("example_org")
def test_mangled_bytes_are_refused_whatever_a_parser_makes_of_them(vector: dict[str, Any]) -> None:
    right, dice = attestation_of(vector), random.Random(7)
    challenge = bytes.fromhex(vector["registration"]["challenge"])
    for _ in range(200):
        raw = bytearray(right.attestation_object)
        start = dice.randrange(len(raw))
        raw[start : start + dice.randrange(1, 9)] = dice.randbytes(dice.randrange(9))
        try:
            enrolled = ceremonies.verify_attestation(replace(right, attestation_object=bytes(raw)), challenge=challenge)
        except PasskeyRejected:
            continue
        assert enrolled.credential_id == right.raw_id, "what is taken is what the browser named"


@pytest.mark.usefixtures("example_org")
@pytest.mark.parametrize("said", [b"", b"\xff", b"[]", b"{}", b"null", b'{"challenge": 7}', b"[" * 50_000])
def test_client_data_that_cannot_be_read_is_refused(said: bytes) -> None:
    with pytest.raises(PasskeyRejected):
        ceremonies.read_client_data(said)
