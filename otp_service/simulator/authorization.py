"""Who may call: Basic, Application (signed) and Public authorization, as Sinch tells them apart."""

import base64
import binascii
import hmac
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from otp_service.simulator.clock import Clock
from otp_service.simulator.errors import SinchError
from otp_service.simulator.exchange import Request
from otp_service.simulator.settings import SimulatorSettings
from otp_service.simulator.signing import SignedParts, signature


class Level(IntEnum):
    """How well a caller proved itself."""

    PUBLIC = 1
    BASIC = 2
    APPLICATION = 3


def authorize(request: Request, settings: SimulatorSettings, clock: Clock) -> Level:
    """The caller's level; raises SinchError 401xx, or 40303 when it is below the minimum."""
    header = request.headers.get("authorization", "").strip()
    if not header:
        raise SinchError(40104)
    scheme, _, credentials = header.partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "basic":
        level = _basic(credentials, settings)
    elif scheme.lower() == "application" and credentials:
        level = _application(request, credentials, settings, clock)
    else:
        raise SinchError(40100)
    if level < Level[settings.minimum_auth.upper()]:
        raise SinchError(40303)
    return level


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _basic(credentials: str, settings: SimulatorSettings) -> Level:
    try:
        pair = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise SinchError(40100) from None
    if not _same(pair, f"{settings.key}:{settings.secret}"):
        raise SinchError(40107)
    return Level.BASIC


def _application(request: Request, credentials: str, settings: SimulatorSettings, clock: Clock) -> Level:
    key, colon, given = credentials.partition(":")
    if not _same(key, settings.key):
        raise SinchError(40107)
    if not colon:
        return Level.PUBLIC
    stamp = request.headers.get("x-timestamp", "")
    moment = _moment(stamp)
    if not any(_same(given, expected) for expected in _signatures(request, stamp, settings.secret_bytes())):
        raise SinchError(40102)
    tolerance = timedelta(seconds=settings.timestamp_tolerance_seconds)
    if all(abs(moment - now) > tolerance for now in (clock.base(), clock.now())):
        raise SinchError(settings.stale_timestamp_code)
    return Level.APPLICATION


def _moment(stamp: str) -> datetime:
    """The x-timestamp's moment; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(stamp.strip())
    except ValueError:
        raise SinchError(40101) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _signatures(request: Request, stamp: str, secret: bytes) -> list[str]:
    """What a right signature may be: some SDKs sign the path as sent, others percent-decoded."""
    content_type = request.headers.get("content-type", "")
    return [
        signature(SignedParts(request.verb, path, content_type, stamp, request.body), secret)
        for path in dict.fromkeys((request.target, request.raw_path, request.path))
    ]
