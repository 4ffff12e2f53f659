"""Key pairs for signing, and their public halves as JSON Web Keys (RFC 7517, RFC 7518, RFC 8037)."""

import base64
import hashlib
import json
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
RSA_BITS = 3072  # NIST SP 800-57: 128 bits of strength
LEAST_RSA_BITS = 2048  # RFC 7518, section 3.3
_COORDINATE_BYTES = 32

GENERATORS: dict[str, Callable[[], PrivateKey]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS),
}
"""How a new key of each algorithm is made."""


class UnfitKey(ValueError):
    """A key that does not go with its algorithm, or is too short for it."""


def load(pem: bytes, algorithm: str) -> PrivateKey:
    """The key of a PEM file. Raises UnfitKey, and ValueError for what is no key."""
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
    """What other services need to check signatures of this key, and nothing more."""
    members = _members(key)
    return {**members, "kid": _thumbprint(members), "use": "sig", "alg": algorithm}


def key_id(key: PublicKey) -> str:
    """The SHA-256 thumbprint (RFC 7638): the same key has the same name wherever it is kept."""
    return _thumbprint(_members(key))


def _members(key: PublicKey) -> dict[str, str]:
    """The required members alone, in lexicographic order."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        x, y = (_encode(number.to_bytes(_COORDINATE_BYTES, "big")) for number in (point.x, point.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": _encode(key.public_bytes_raw())}
    numbers = key.public_numbers()
    return {"e": _encode(_shortest(numbers.e)), "kty": "RSA", "n": _encode(_shortest(numbers.n))}


def _thumbprint(members: dict[str, str]) -> str:
    return _encode(hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())


def _shortest(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
