"""One signed POST to an application's callback."""

import contextlib
import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from otp_service.simulator.clock import Clock, seven_decimals
from otp_service.simulator.exchange import JSON_TYPE
from otp_service.simulator.settings import SimulatorSettings
from otp_service.simulator.signing import SignedParts, signature

REPLY_MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class Letter:
    """An event ready to be posted, any number of times with the very same bytes."""

    url: str
    headers: dict[str, str]
    body: bytes


def sign_letter(url: str, event: dict[str, Any], settings: SimulatorSettings, clock: Clock) -> Letter:
    """Sign an event as of now. The signature covers the path of the URL, without its query."""
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    stamp = seven_decimals(clock.base()) + "Z"
    parts = SignedParts("POST", urlsplit(url).path or "/", JSON_TYPE, stamp, body)
    authorization = f"Application {settings.key}:{signature(parts, settings.secret_bytes())}"
    return Letter(url, {"Content-Type": JSON_TYPE, "Authorization": authorization, "x-timestamp": stamp}, body)


def post(letter: Letter, timeout_seconds: float) -> tuple[int, bytes]:
    """Post a letter: status and body, redirects not followed. Raises OSError when no whole answer comes."""
    parts = urlsplit(letter.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with contextlib.closing(kind(parts.netloc, timeout=timeout_seconds)) as connection:
        try:
            connection.request("POST", target, letter.body, letter.headers)
            answer = connection.getresponse()
            return answer.status, answer.read(REPLY_MAX_BYTES)
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error)) from error
