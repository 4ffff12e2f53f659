"""Signs what this service posts to other services, by the Standard Webhooks specification (standardwebhooks.com).

The receiver computes the same HMAC over id, time and the bytes of the body, and compares it in constant time. It
rejects old times, and ids that it has seen.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from otp_service.core.text import decoded_base64

PREFIX = "whsec_"
SHORTEST_SECRET = 24
"""Bytes; the specification has secrets of 24 to 64."""


def sign(secret: bytes, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`. `timestamp` is that of `webhook-timestamp`, in seconds since 1970."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()}"


def signed_headers(secret: bytes, *, message_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """Return the three headers of a message. Each try of one message has the same id, and the time of that try."""
    timestamp = int(at.timestamp())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id=message_id, timestamp=timestamp, body=body),
    }


def write_secret(secret: bytes) -> str:
    """Return a secret as people copy it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


def read_secret(text: str) -> bytes:
    """Return the bytes of a secret that is written as base64, with or without `whsec_`; empty for any other text."""
    return decoded_base64(text.strip().removeprefix(PREFIX), needs_padding=False)
