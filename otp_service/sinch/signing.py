"""Application-signed requests: sign ours, verify Sinch's."""

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
    """Everything that a signature covers, exactly as it was sent.

    `path` is the request target, `body` the raw bytes, `timestamp` the `x-timestamp` header, and `content_type` the
    whole header, charset included, or "" without one.
    """

    method: str
    path: str
    timestamp: str
    content_type: str = ""
    body: bytes = b""

    def string_to_sign(self) -> bytes:
        """Return the five lines that are signed, without a line feed after the last one."""
        md5 = base64.b64encode(hashlib.md5(self.body, usedforsecurity=False).digest()).decode() if self.body else ""
        lines = (self.method.upper(), md5, self.content_type, f"x-timestamp:{self.timestamp}", self.path)
        return "\n".join(lines).encode("utf-8", "backslashreplace")


def decode_secret(secret: str) -> bytes:
    """Decode an application secret: base64, with or without padding. Raises ValueError, which never quotes it."""
    text = secret.strip().rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("the Sinch application secret is not base64")
    return key


def sign(request: SignedRequest, secret: str) -> str:
    """Return the signature of `request` in base64. Raises ValueError for a secret that is not base64."""
    mac = hmac.new(decode_secret(secret), request.string_to_sign(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def verify_signature(request: SignedRequest, authorization: str, *, key: str, secret: str) -> bool:
    """Return whether the `Authorization` header signs `request` for the application `key`, in constant time.

    The age of the timestamp is checked by `is_fresh`.
    """
    scheme, _, credentials = authorization.strip().partition(" ")
    claimed_key, _, claimed = credentials.strip().partition(":")
    # Some SDKs sign the path as sent, others percent-decoded (Java), so both count.
    candidates = (request, replace(request, path=unquote(request.path)))
    matches = [_is_same(claimed, sign(candidate, secret)) for candidate in candidates]
    return _is_same(claimed_key, key) and any(matches) and scheme.lower() == "application"


def is_fresh(timestamp: str, now: datetime) -> bool:
    """Return whether an `x-timestamp` is within 5 minutes of `now`, before or after. Without a zone it is UTC."""
    try:
        signed_at = datetime.fromisoformat(timestamp.strip())
    except ValueError:
        return False
    if signed_at.tzinfo is None:
        signed_at = signed_at.replace(tzinfo=UTC)
    return abs(now - signed_at) <= _CALLBACK_TOLERANCE


class ApplicationSigned(AuthBase):
    """Signs each request with the application's key and secret at the moment it is prepared."""

    def __init__(self, key: str, secret: str) -> None:
        decode_secret(secret)  # a bad secret must stop the start of the service, not its first call
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
