"""An application that signs with key pairs, and forgeries of its tokens, made without the library under test."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from flask import Flask

from otp_service.sessions import jwk
from otp_service.simulator import Simulator
from tests.api import Api
from tests.factories import make_person, sign_in
from tests.sessions.forging import encode

ALGORITHMS = ("ES256", "EdDSA", "RS256")


@dataclass(frozen=True)
class Pairs:
    """The application, its client and its folder of keys."""

    app: Flask
    api: Api
    folder: Path
    algorithm: str

    def command(self, *arguments: str) -> str:
        """Run `flask keys ...`, which must succeed."""
        result = self.app.test_cli_runner().invoke(args=["keys", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    def listed(self) -> list[dict[str, str]]:
        """The entries of the folder, oldest first."""
        return list(json.loads(self.command("list", "--json")))

    def kid(self, state: str) -> str:
        """The one key in that state."""
        (found,) = [entry["kid"] for entry in self.listed() if entry["state"] == state]
        return found

    def private_key(self, kid: str) -> Any:
        """A key of the folder."""
        return load_pem_private_key((self.folder / f"{kid}.pem").read_bytes(), password=None)

    def key_set(self) -> list[dict[str, str]]:
        """The published keys."""
        return list(self.api.get("//.well-known/jwks.json").json["keys"])

    def new_token(self, sinch: Simulator) -> str:
        """The access token of a new person."""
        return str(sign_in(self.api, sinch, make_person(self.app))["token"])

    def takes(self, token: str) -> bool:
        """Whether the service's own routes accept the token."""
        response = self.api.get("/profile", token=token)
        assert response.status_code in {200, 401}
        return response.status_code == 200


def signed_by(key: Any, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token that a private key signed, or a shared secret."""
    message = f"{encode(header)}.{encode(claims)}".encode()
    return f"{message.decode()}.{encode(_signature(key, message))}"


def with_signature(token: str, signature: bytes) -> str:
    """The same token with another signature."""
    return f"{token.rpartition('.')[0]}.{encode(signature)}"


@cache
def attackers_key(algorithm: str) -> Any:
    """A key that the service does not have, made once: an RSA key takes longer than most tests."""
    return jwk.GENERATORS[algorithm]()


def public_spellings(key: Any) -> list[bytes]:
    """The public key in every form that an attacker might use as a shared secret."""
    public = key.public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    ]
    if isinstance(key, rsa.RSAPrivateKey):
        forms.append(public.public_bytes(Encoding.PEM, PublicFormat.PKCS1))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        forms.append(public.public_bytes_raw())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        forms.append(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    return forms


def _signature(key: Any, message: bytes) -> bytes:
    if isinstance(key, bytes):
        return hmac.digest(key, message, hashlib.sha256)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    size = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")
