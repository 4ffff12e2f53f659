"""Key pairs for signing, and their public halves as JSON Web Keys (RFC 7517, RFC 7518, RFC 8037)."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from otp_service.core.text import base64url

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
RSA_BITS = 3072  # NIST SP 800-57: 128 bits of strength
LEAST_RSA_BITS = 2048  # RFC 7518, section 3.3
_REQUIRED = ("crv", "e", "kty", "n", "x", "y")

GENERATORS: dict[str, Callable[[], PrivateKey]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS),
}
"""Makes a new key for each algorithm."""


class UnfitKey(ValueError):
    """A key does not fit its algorithm, or is too short for it."""


def load(pem: bytes, algorithm: str) -> PrivateKey:
    """Load the key of a PEM file. Raises UnfitKey, and ValueError for a text that is no key."""
    key = load_pem_private_key(pem, password=None)
    is_fit = (
        (algorithm == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1))
        or (algorithm == "EdDSA" and isinstance(key, ed25519.Ed25519PrivateKey))
        or (algorithm == "RS256" and isinstance(key, rsa.RSAPrivateKey) and key.key_size >= LEAST_RSA_BITS)
    )
    if not is_fit or not isinstance(key, PrivateKey):
        raise UnfitKey(f"no key for {algorithm}")
    return key


def public_jwk(key: PublicKey, algorithm: str) -> dict[str, str]:
    """Return the JWK with which other services verify signatures of this key."""
    members = _members(key, algorithm)
    return {**members, "kid": _thumbprint(members), "use": "sig", "alg": algorithm}


def key_id(key: PublicKey, algorithm: str) -> str:
    """Return the SHA-256 thumbprint (RFC 7638): the same key has the same id wherever it is kept."""
    return _thumbprint(_members(key, algorithm))


def _members(key: PublicKey, algorithm: str) -> dict[str, str]:
    """The members that RFC 7638 requires. PyJWT adds `key_ops` for RSA, which would change the thumbprint."""
    members: dict[str, Any] = jwt.get_algorithm_by_name(algorithm).to_jwk(key, as_dict=True)
    return {name: members[name] for name in _REQUIRED if name in members}


def _thumbprint(members: dict[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64url(digest)
