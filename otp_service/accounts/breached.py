"""An optional question to a k-anonymity service: is this password known from a breach? Off unless a URL is set."""

import hashlib
import logging
import time

import requests
from urllib3.exceptions import HTTPError

from otp_service.core.crypto.hashing import normalize

_PREFIX_LENGTH = 5  # all that leaves this machine: the start of the SHA-1, shared by a thousand breached passwords
_LARGEST_ANSWER = 256 * 1024  # bytes; above the 64 KiB for other hosts, since padded ranges come near that
_log = logging.getLogger(__name__)


def is_breached(password: str, *, base_url: str, timeout_seconds: float = 1.0) -> bool:
    """Ask `base_url`/range/<prefix> (the interface of api.pwnedpasswords.com) about a whole password.

    Fails open: when the service is slow, away or talks nonsense the answer is False and the log says so, since the
    bundled list still holds. Takes at most about three times `timeout_seconds`. A call to the outside: never inside
    a transaction, and only with a password that passed check_policy.
    """
    secret = normalize(password).encode("utf-8", "surrogatepass")
    digest = hashlib.sha1(secret, usedforsecurity=False).hexdigest().upper()  # that service's index, no protection
    try:
        answer = _fetch(f"{base_url.rstrip('/')}/range/{digest[:_PREFIX_LENGTH]}", timeout_seconds)
        return _is_listed(digest[_PREFIX_LENGTH:], answer.decode("ascii"))
    except (requests.RequestException, HTTPError, ValueError) as error:
        _log.warning("breach look-up failed, going on without it", extra={"reason": type(error).__name__})
        return False


def _fetch(url: str, timeout_seconds: float) -> bytes:
    deadline = time.monotonic() + 2 * timeout_seconds
    headers = {"Add-Padding": "true", "Accept-Encoding": "identity"}  # padding hides which range was asked for
    with requests.get(url, headers=headers, timeout=timeout_seconds, allow_redirects=False, stream=True) as response:
        if response.status_code != requests.codes.ok:
            raise ValueError(f"status {response.status_code}")
        body = b""
        while piece := response.raw.read1(8192):  # whatever has come: a service that drips cannot hold us
            body += piece
            if len(body) > _LARGEST_ANSWER or time.monotonic() > deadline:
                raise ValueError("answer too large or too slow")
        return body


def _is_listed(suffix: str, answer: str) -> bool:
    counts = dict(line.strip().split(":") for line in answer.splitlines())
    return int(counts.get(suffix, "0")) > 0  # padding has a count of 0
