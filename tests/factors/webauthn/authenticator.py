"""A browser and an authenticator in software: it makes keys and signs for real, and lies where a test wants it to."""

import base64
import hashlib
import json
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

ALGORITHMS = {"ES256": -7, "EdDSA": -8, "RS256": -257}
PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    """One for all: making it takes a while."""
    return rsa.generate_private_key(65537, 2048)


@dataclass(kw_only=True)
class Lies:
    """What deviates from the truth in one answer; None keeps to it."""

    origin: str | None = None
    rp_id: str | None = None
    type: str | None = None
    challenge: bytes | None = None
    present: bool = True
    verified: bool | None = None
    sign_count: int | None = None
    credential_id: bytes | None = None
    user_handle: bytes | None = None
    no_user_handle: bool = False
    cross_origin: bool = False
    bad_signature: bool = False
    encoding: str = "utf-8"


HONEST = Lies()


@dataclass(kw_only=True)
class Authenticator:
    """One key. `counts`: whether it has a counter; synced passkeys have none."""

    algorithm: str = "ES256"
    origin: str = "http://localhost:8000"
    verifies: bool = True
    synced: bool = False
    counts: bool = True
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: bytes = b""
    sign_count: int = 0

    def __post_init__(self) -> None:
        make: dict[str, Callable[[], PrivateKey]] = {
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
            "RS256": _rsa_key,
        }
        self.key = make[self.algorithm]()

    def create(self, options: dict[str, Any], lies: Lies = HONEST) -> dict[str, Any]:
        """RegistrationResponseJSON for creation options."""
        assert {"type": "public-key", "alg": ALGORITHMS[self.algorithm]} in options["pubKeyCredParams"]
        assert b64(self.credential_id) not in {one["id"] for one in options["excludeCredentials"]}
        self.user_handle = unb64(options["user"]["id"])
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + self._cose_key()
        data = self._data(options["rp"]["id"], lies, flags=ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": b64(self._client_data("webauthn.create", options, lies)),
            "attestationObject": b64(attestation),
            "authenticatorData": b64(data),
            "transports": ["internal", "hybrid", "telepathy"],
            "publicKeyAlgorithm": ALGORITHMS[self.algorithm],
        }
        return self._credential(response, lies)

    def get(self, options: dict[str, Any], lies: Lies = HONEST) -> dict[str, Any]:
        """AuthenticationResponseJSON for request options."""
        if self.counts:
            self.sign_count += 1
        data = self._data(options["rpId"], lies)
        client_data = self._client_data("webauthn.get", options, lies)
        signature = self._sign(data + hashlib.sha256(client_data).digest())
        if lies.bad_signature:
            signature = self._sign(b"something else")
        handle = lies.user_handle or self.user_handle
        response = {
            "clientDataJSON": b64(client_data),
            "authenticatorData": b64(data),
            "signature": b64(signature),
            "userHandle": None if lies.no_user_handle else b64(handle),
        }
        return self._credential(response, lies)

    def _credential(self, response: dict[str, Any], lies: Lies) -> dict[str, Any]:
        id = b64(lies.credential_id or self.credential_id)
        return {
            "id": id,
            "rawId": id,
            "type": "public-key",
            "response": response,
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
        }

    def _client_data(self, type: str, options: dict[str, Any], lies: Lies) -> bytes:
        said = {
            "type": lies.type or type,
            "challenge": b64(lies.challenge) if lies.challenge else options["challenge"],
            "origin": lies.origin or self.origin,
            "crossOrigin": lies.cross_origin,
        }
        return json.dumps(said).encode(lies.encoding)

    def _data(self, rp_id: str, lies: Lies, flags: int = 0) -> bytes:
        verified = self.verifies if lies.verified is None else lies.verified
        flags |= PRESENT * lies.present | VERIFIED * verified
        flags |= (BACKUP_ELIGIBLE | BACKED_UP) * self.synced
        count = self.sign_count if lies.sign_count is None else lies.sign_count
        return hashlib.sha256((lies.rp_id or rp_id).encode()).digest() + struct.pack(">BI", flags, count)

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(data)

    def _cose_key(self) -> bytes:
        """The public key as RFC 9052 and RFC 8230 write it."""
        alg = ALGORITHMS[self.algorithm]
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            point = self.key.public_key().public_numbers()
            x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
            return cbor2.dumps({1: 2, 3: alg, -1: 1, -2: x, -3: y})
        if isinstance(self.key, rsa.RSAPrivateKey):
            numbers = self.key.public_key().public_numbers()
            return cbor2.dumps({1: 3, 3: alg, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")})
        raw = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return cbor2.dumps({1: 1, 3: alg, -1: 6, -2: raw})
