"""Forges access tokens: takes a good one apart and puts it together again, altered."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Self

from flask import Flask

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


@dataclass(frozen=True)
class Forge:
    """A token's header and claims, and the key that really signs; written without the library under test."""

    header: dict[str, Any]
    claims: dict[str, Any]
    key: bytes

    @classmethod
    def from_token(cls, app: Flask, token: str) -> Self:
        """Take a good token apart."""
        header, claims, _ = parts_of(token)
        return cls(header, claims, app.config["JWT_SECRET_KEY"].encode())

    def sign(
        self, *, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None, key: bytes | None = None
    ) -> str:
        """A token signed as its header says, with some of header and claims changed; None takes one away."""
        changed = _without_none({**self.header, **(header or {})})
        signed = f"{encode(changed)}.{encode(_without_none({**self.claims, **(claims or {})}))}"
        digest = HASHES.get(str(changed.get("alg")), hashlib.sha256)
        return f"{signed}.{encode(hmac.digest(self.key if key is None else key, signed.encode(), digest))}"


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, claims and signature."""
    header, claims, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split("."))
    return json.loads(header), json.loads(claims), signature


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token."""
    return parts_of(token)[1]


def encode(value: bytes | dict[str, Any]) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
