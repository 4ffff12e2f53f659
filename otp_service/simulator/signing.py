"""Sinch's request signature, for checking requests and for signing callbacks."""

import base64
import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True)
class SignedParts:
    """What a signature covers; `timestamp` is the x-timestamp header as sent."""

    verb: str
    path: str
    content_type: str
    timestamp: str
    body: bytes = b""


def content_md5(body: bytes) -> str:
    """The base64 MD5 of a body, or the empty string when there is none."""
    if not body:
        return ""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def signature(parts: SignedParts, secret: bytes) -> str:
    """The base64 HMAC-SHA256 over verb, MD5, content type, x-timestamp and path."""
    text = f"{parts.verb}\n{content_md5(parts.body)}\n{parts.content_type}\nx-timestamp:{parts.timestamp}\n{parts.path}"
    return base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).decode()
