"""Basic, Application (signed) and Public authorization, and the signature that requests and callbacks carry."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from otp_service.simulator.clock import Clock
from otp_service.simulator.http.errors import ApiError
from otp_service.simulator.http.request_response import Request
from otp_service.simulator.settings import SimulatorSettings


class Level(IntEnum):
    """How strongly a caller is authenticated."""

    PUBLIC = 1
    BASIC = 2
    APPLICATION = 3


@dataclass(frozen=True)
class SignedParts:
    """What a signature covers. `timestamp` is the x-timestamp header as sent."""

    verb: str
    path: str
    content_type: str
    timestamp: str
    body: bytes = b""


def signature(parts: SignedParts, secret: bytes) -> str:
    """Return the base64 HMAC-SHA256 over verb, MD5, content type, x-timestamp and path."""
    text = f"{parts.verb}\n{content_md5(parts.body)}\n{parts.content_type}\nx-timestamp:{parts.timestamp}\n{parts.path}"
    return base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).decode()


def content_md5(body: bytes) -> str:
    """Return the base64 MD5 of a body. Without a body its line in the signature is empty, not the MD5 of no bytes."""
    if not body:
        return ""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def authorize(request: Request, settings: SimulatorSettings, clock: Clock) -> Level:
    """Return the caller's level. Raises ApiError 401xx, or 40303 if the level is below the minimum.

    No response carries WWW-Authenticate: the Node SDK would take it for an expired OAuth token.
    """
    header = request.headers.get("authorization", "").strip()
    if not header:
        raise ApiError(40104)
    scheme, _, credentials = header.partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "basic":  # the scheme's case varies between Sinch's own samples
        level = _basic(credentials, settings)
    elif scheme.lower() == "application" and credentials:
        level = _application(request, credentials, settings, clock)
    else:
        raise ApiError(40100)
    if level < Level[settings.minimum_auth.upper()]:
        raise ApiError(40303)
    return level


def _basic(credentials: str, settings: SimulatorSettings) -> Level:
    """Check key and secret. The secret is the base64 text as the dashboard shows it, not decoded."""
    try:
        pair = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ApiError(40100) from None
    if not _is_same(pair, f"{settings.key}:{settings.secret}"):
        raise ApiError(40107)
    return Level.BASIC


def _application(request: Request, credentials: str, settings: SimulatorSettings, clock: Clock) -> Level:
    key, colon, given = credentials.partition(":")
    if not _is_same(key, settings.key):
        raise ApiError(40107)
    if not colon:
        return Level.PUBLIC
    timestamp = request.headers.get("x-timestamp", "")
    signed_at = _moment(timestamp)
    if not any(_is_same(given, expected) for expected in _signatures(request, timestamp, settings.secret_bytes())):
        raise ApiError(40102)
    tolerance = timedelta(seconds=settings.timestamp_tolerance_seconds)
    # A client dates requests by its own clock, which either moves with the simulator's or was never advanced.
    if all(abs(signed_at - now) > tolerance for now in (clock.base(), clock.now())):
        raise ApiError(settings.stale_timestamp_code)
    return Level.APPLICATION


def _moment(timestamp: str) -> datetime:
    """The moment of an x-timestamp. Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(timestamp.strip())
    except ValueError:
        raise ApiError(40101) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _signatures(request: Request, timestamp: str, secret: bytes) -> list[str]:
    """The signatures that count as right.

    The .NET SDK signs the path as sent, with its query; Java, Node and Python sign it percent-decoded. The content
    type is the header as sent, or empty: Python and Node send and sign one on a GET, Java and .NET do not.
    """
    content_type = request.headers.get("content-type", "")
    return [
        signature(SignedParts(request.verb, path, content_type, timestamp, request.body), secret)
        for path in dict.fromkeys((request.target, request.raw_path, request.path))
    ]


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
