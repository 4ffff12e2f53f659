"""Sinch's application-signed requests: signing ours, verifying theirs."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from requests import PreparedRequest
from requests.auth import AuthBase

from otp_service.core import clock

_CALLBACK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class SignedRequest:
    """All that a signature covers, as it travelled: `path` is the request target, `body` the raw bytes,
    `timestamp` the `x-timestamp` header, `content_type` the header to the letter or "" without one.
    """

    method: str
    path: str
    timestamp: str
    content_type: str = ""
    body: bytes = b""

    def string_to_sign(self) -> bytes:
        """The five lines that are signed; there is no line feed after the last."""
        md5 = base64.b64encode(hashlib.md5(self.body, usedforsecurity=False).digest()).decode() if self.body else ""
        lines = (self.method.upper(), md5, self.content_type, f"x-timestamp:{self.timestamp}", self.path)
        return "\n".join(lines).encode("utf-8", "backslashreplace")


def decode_secret(secret: str) -> bytes:
    """The key inside an application secret: base64, with or without its padding. Raises ValueError."""
    text = secret.strip().rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("the Sinch application secret is not base64")
    return key


def sign(request: SignedRequest, secret: str) -> str:
    """The signature of `request` in base64. Raises ValueError for a secret that is not base64."""
    mac = hmac.new(decode_secret(secret), request.string_to_sign(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def verify_signature(request: SignedRequest, authorization: str, *, key: str, secret: str) -> bool:
    """Whether the `Authorization` header `authorization` signs `request` for the application `key`.

    Takes constant time over what is secret. Signers differ on whether they sign the path as sent or
    percent-decoded, so both count. The age of the timestamp is `is_fresh`'s business.
    """
    scheme, _, credentials = authorization.strip().partition(" ")
    claimed_key, _, claimed = credentials.strip().partition(":")
    candidates = (request, replace(request, path=unquote(request.path)))
    matches = [_is_same(claimed, sign(candidate, secret)) for candidate in candidates]
    return _is_same(claimed_key, key) and any(matches) and scheme.lower() == "application"


def is_fresh(timestamp: str, now: datetime, tolerance: timedelta = _CALLBACK_TOLERANCE) -> bool:
    """Whether an `x-timestamp` lies within `tolerance` of `now`, before or after; without a zone it is UTC."""
    try:
        signed_at = datetime.fromisoformat(timestamp.strip())
    except ValueError:
        return False
    if signed_at.tzinfo is None:
        signed_at = signed_at.replace(tzinfo=UTC)
    return abs(now - signed_at) <= tolerance


class ApplicationSigned(AuthBase):
    """Signs each prepared request with the application's key and secret, at the moment it is prepared."""

    def __init__(self, key: str, secret: str) -> None:
        decode_secret(secret)  # a bad secret must stop the start, not the first send
        self._key = key
        self._secret = secret

    def __call__(self, prepared: PreparedRequest) -> PreparedRequest:
        timestamp = clock.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = prepared.body or b""
        request = SignedRequest(
            method=prepared.method or "",
            path=prepared.path_url,
            timestamp=timestamp,
            content_type=str(prepared.headers.get("Content-Type", "")),
            body=body.encode() if isinstance(body, str) else bytes(body),
        )
        prepared.headers["x-timestamp"] = timestamp
        prepared.headers["Authorization"] = f"Application {self._key}:{sign(request, self._secret)}"
        return prepared


def _is_same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "backslashreplace"), right.encode())
