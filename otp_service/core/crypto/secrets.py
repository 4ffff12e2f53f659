"""Encryption at rest, keyed hashes and random tokens: what a copy of the database must not reveal."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from otp_service.core.services import services
from otp_service.core.text import base64url, decoded_base64

NONCE_BYTES = 12
TOKEN_BYTES = 32

TYPED_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no code spells a word; no digits, so that no letter looks like one (RFC 8628, section 6.1)."""

TYPED_LENGTH = 8


class Unreadable(Exception):
    """A sealed value cannot be decrypted: its key is gone, or it belongs to another row."""


class Keyring:
    """The encryption keys in use: the first one seals, each of them opens what it sealed.

    AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces. The key id stands in front. `context` is the associated
    data, so a value that was moved to another row or column does not open. Hashes are HMAC-SHA-256 under keys derived
    with HKDF (RFC 5869).
    """

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._current = _key_id(keys[0])
        self._hash_keys = tuple(_derive(key, b"otp_service keyed hash") for key in keys)
        self._derived: dict[str, dict[str, bytes]] = {}

    @property
    def newest_key_id(self) -> str:
        """The text before the dot in a value that `seal` makes now."""
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
        except (KeyError, InvalidTag, ValueError) as error:  # ValueError for a text that was cut or never sealed
            raise Unreadable(context) from error

    def digest(self, value: str, *, purpose: str) -> str:
        """Return the keyed hash to store for `value`; `purpose` keeps the hashes of different things apart."""
        return self.digests(value, purpose=purpose)[0]

    def digests(self, value: str, *, purpose: str) -> tuple[str, ...]:
        """Return the hash under each key in use: look values up by all of them, so that they survive a key rotation."""
        message = f"{purpose}\x00{value}".encode()  # the NUL keeps `ab` + `c` apart from `a` + `bc`
        return tuple(base64url(hmac.digest(key, message, hashlib.sha256)) for key in self._hash_keys)

    def derived(self, purpose: str) -> Mapping[str, bytes]:
        """Return a key of 32 bytes for a purpose from each encryption key, by the id of that key, the newest first."""
        found = self._derived.get(purpose)
        if found is None:
            # Without the NUL that is in every message of `digests`: no stored hash is one of these keys.
            message = f"key for {purpose}".encode()
            made = (hmac.digest(key, message, hashlib.sha256) for key in self._hash_keys)
            self._derived[purpose] = found = dict(zip(self._ciphers, made, strict=False))
        return found


def keyring() -> Keyring:
    """Return the keys of the running application."""
    return services().keyring


def new_token(prefix: str) -> str:
    """Return a random token of 256 bits. Its prefix shows people and secret scanners what kind it is."""
    return f"{prefix}_{secrets.token_urlsafe(TOKEN_BYTES)}"


def new_typed_code() -> str:
    """Return a random code for a person to type, such as `WDJBMJHT`: 34 bits, so the caller must limit the tries.

    Store its keyed hash, and compare that with the hash of what `read_typed_code` returns.
    """
    return "".join(secrets.choice(TYPED_LETTERS) for _ in range(TYPED_LENGTH))


def read_typed_code(text: str) -> str | None:
    """Return a typed code in the form of `new_typed_code`: in any case, with or without hyphens and blanks.

    Return None for a text that cannot be a code. Such a text needs no count, as it reveals nothing of the code.
    """
    letters = "".join(text.upper().replace("-", "").split())
    return letters if len(letters) == TYPED_LENGTH and set(letters) <= set(TYPED_LETTERS) else None


def _key_id(key: bytes) -> str:
    return base64url(hashlib.sha256(b"otp_service key id" + key).digest()[:6])


def _derive(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(key)
