"""One HTTP exchange with a server outside: returns a decoded response, or raises NotSent or OutcomeUnknown."""

import contextlib
import logging
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from urllib3.util import Timeout

from otp_service.core import clock
from otp_service.core import json as strict_json
from otp_service.core.calls.connection import MAX_BODY_BYTES, BoundedAdapter, ConnectFailed, ResponseTooLarge
from otp_service.core.calls.errors import CallError, NotSent, OutcomeUnknown

# urllib3 writes whole URLs, which hold ids and references, to its debug log and to warnings about odd headers.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.ERROR)

HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "otp-service"}
_CHUNK_BYTES = 16 * 1024
MAX_WAIT_SECONDS = 3600.0
"""The longest wait that a server may ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How a server is reached.

    `server` is its name in sentences, `ca_bundle` the path of a PEM file that replaces the public authorities.
    """

    server: str
    connect_timeout_seconds: float
    read_timeout_seconds: float
    pool_size: int
    ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """The response. `payload` is None if the body is not one JSON object, whole and not too long."""

    http_status: int
    payload: dict[str, Any] | None = field(repr=False)
    retry_after: str | None = None
    is_empty: bool = False

    @property
    def retry_after_seconds(self) -> float | None:
        """How long the server asks to wait, if it does."""
        return wait_seconds(self.retry_after)


def wait_seconds(retry_after: str | None) -> float | None:
    """Return how long a server asks to wait, at most an hour; None if it does not say (RFC 9110, 10.2.3)."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_WAIT_SECONDS)
    try:
        wait = (parsedate_to_datetime(text) - clock.now()).total_seconds()
    except (TypeError, ValueError):  # no date, or one without a zone
        return None
    return min(max(wait, 0.0), MAX_WAIT_SECONDS)


class Exchange:
    """Holds the connections to one server; threads may share it.

    It uses an adapter of requests without a session: a session would follow redirects, keep cookies, and take
    proxies and credentials from the environment.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._adapter = BoundedAdapter(pool_connections=1, pool_maxsize=reach.pool_size)
        # Only the setting counts: the environment's proxies are other programs' (HTTPS_PROXY, NO_PROXY).
        self._proxies = {"http": reach.proxy, "https": reach.proxy} if reach.proxy else {}

    def send(self, prepared: requests.PreparedRequest, within_seconds: float, *, needs_body: bool = True) -> Response:
        """Send a request and read the response within `within_seconds`. Raises NotSent and OutcomeUnknown.

        Without `needs_body` the status alone counts: a body that is cut off or too long is one that says nothing.
        """
        timeout = Timeout(
            connect=self._reach.connect_timeout_seconds,
            read=self._reach.read_timeout_seconds,
            total=within_seconds,
        )
        failure: CallError
        try:
            return self._send(prepared, timeout, needs_body)
        except ConnectFailed as error:
            failure = NotSent(f"no connection to {self._reach.server} ({error})")
        except ResponseTooLarge:
            failure = OutcomeUnknown(f"no usable response from {self._reach.server} (too large)")
        except Exception as error:  # noqa: BLE001 - the request may have left, so any error leaves the outcome unknown
            failure = OutcomeUnknown(f"no usable response from {self._reach.server} ({type(error).__name__})")
        raise failure  # outside the handlers: the errors of requests quote the URL and must not become its context

    def close(self) -> None:
        """Close the idle connections; the next call opens new ones."""
        self._adapter.close()

    def _send(self, prepared: requests.PreparedRequest, timeout: Timeout, needs_body: bool) -> Response:
        response = self._adapter.send(
            prepared,
            stream=True,
            timeout=timeout,  # type: ignore[arg-type] # the stubs know numbers only; requests passes it through
            verify=self._reach.ca_bundle or True,
            proxies=self._proxies,
        )
        status, retry_after = response.status_code, response.headers.get("Retry-After")
        with contextlib.closing(response):
            try:
                body = _read(response)
            except Exception:
                if needs_body:
                    raise
                return Response(status, None, retry_after)
        return Response(status, _decode(body), retry_after, is_empty=not body)


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    # To the end: a body that was cut off shows only there.
    while chunk := response.raw.read(_CHUNK_BYTES, decode_content=False):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ResponseTooLarge
    return bytes(body)


def _decode(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`, with amounts as Decimal. None for anything else, repeated names included."""
    try:
        payload = strict_json.decode(body.decode(), parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None
