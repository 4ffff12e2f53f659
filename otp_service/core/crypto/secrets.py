"""Encryption at rest, keyed hashes and random tokens: everything that the database must not give away."""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from otp_service.core.services import services
from otp_service.core.text import base64url, decoded_base64

NONCE_BYTES = 12
TOKEN_BYTES = 32


class Unreadable(Exception):
    """A sealed value does not open: its key is gone, or it belongs to another row."""


class Keyring:
    """The encryption keys in use: the first one seals, all of them open.

    AES-256-GCM (NIST SP 800-38D), random 96-bit nonces, key id in front, `context` as associated data: a value
    moved to another row or column does not open. Hashes are HMAC-SHA-256 under keys derived by HKDF (RFC 5869).
    """

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._current = _key_id(keys[0])
        self._hash_keys = tuple(_derive(key, b"otp_service keyed hash") for key in keys)

    @property
    def newest_key_id(self) -> str:
        """What stands in front of a value that `seal` makes now, before a dot."""
        return self._current

    def seal(self, value: str, *, context: str) -> str:
        """Encrypt a text for the place that `context` names, for instance `verifications.provider_id:<row id>`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, value.encode(), context.encode())
        return f"{self._current}.{base64url(nonce + sealed)}"

    def open(self, sealed: str, *, context: str) -> str:
        """Decrypt what `seal` made for the same context. Raises Unreadable."""
        key_id, _, text = sealed.partition(".")
        try:
            raw = decoded_base64(text, needs_padding=False)
            return self._ciphers[key_id].decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode()).decode()
        except (KeyError, InvalidTag, ValueError) as error:  # the last for a text that was cut or never sealed
            raise Unreadable(context) from error

    def digest(self, value: str, *, purpose: str) -> str:
        """The keyed hash that is stored for `value`; `purpose` keeps the hashes of different things apart."""
        return self.digests(value, purpose=purpose)[0]

    def digests(self, value: str, *, purpose: str) -> tuple[str, ...]:
        """The hash under each key in use: what a look-up compares with, so that key rotation forgets nothing."""
        message = f"{purpose}\x00{value}".encode()
        return tuple(base64url(hmac.digest(key, message, hashlib.sha256)) for key in self._hash_keys)


def keyring() -> Keyring:
    """The running application's keys."""
    return services().keyring


def new_token(prefix: str) -> str:
    """A random token of 256 bits, prefixed with its kind, so that a reader (and a secret scanner) can tell it."""
    return f"{prefix}_{secrets.token_urlsafe(TOKEN_BYTES)}"


def _key_id(key: bytes) -> str:
    return base64url(hashlib.sha256(b"otp_service key id" + key).digest()[:6])


def _derive(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(key)
