"""One HTTP exchange with Sinch: returns a decoded response, or raises NotSent or OutcomeUnknown."""

import contextlib
import json
import logging
import urllib.parse
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.util import Timeout

from otp_service.core import json as strict_json
from otp_service.sinch.connection import MAX_BODY_BYTES, BoundedAdapter, ConnectFailed, ResponseTooLarge
from otp_service.sinch.errors import NotSent, OutcomeUnknown, SinchError
from otp_service.sinch.settings import SinchSettings
from otp_service.sinch.signing import ApplicationSigned

# urllib3 writes whole URLs, which hold ids and references, to its debug log and to warnings about odd headers.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.ERROR)


_CHUNK_BYTES = 16 * 1024


class Operation(StrEnum):
    """The purpose of a call. It decides what may be retried and what a refusal means."""

    START = "start"
    REPORT = "report"
    STATUS = "status"


_VERBS = {Operation.START: "POST", Operation.REPORT: "PUT", Operation.STATUS: "GET"}


@dataclass(frozen=True)
class Call:
    """One request. `segments` follow `/verifications` and are encoded here."""

    operation: Operation
    segments: tuple[str, ...] = field(default=(), repr=False)
    body: dict[str, Any] | None = field(default=None, repr=False)
    language: str | None = None

    @property
    def path(self) -> str:
        """The path after the root. A plus sign stays as it is, as in Sinch's SDKs."""
        return "/".join(("/verifications", *(urllib.parse.quote(segment, safe="+") for segment in self.segments)))


@dataclass(frozen=True)
class Response:
    """The response. `payload` is None if the body is not one JSON object."""

    http_status: int
    payload: dict[str, Any] | None = field(repr=False)
    retry_after: str | None = None


class Transport:
    """Holds the connections to Sinch; threads may share it.

    It uses an adapter of requests without a session: a session would follow redirects, keep cookies, and take
    proxies and credentials from the environment.
    """

    def __init__(self, settings: SinchSettings) -> None:
        self._settings = settings
        self._adapter = BoundedAdapter(pool_connections=1, pool_maxsize=settings.pool_size)
        self._auth = _auth(settings)
        # Only the setting counts: the environment's proxies are other programs' (HTTPS_PROXY, NO_PROXY).
        self._proxies = {"http": settings.proxy, "https": settings.proxy} if settings.proxy else {}

    def exchange(self, call: Call, within_seconds: float) -> Response:
        """Send `call` and read the response within `within_seconds`. Raises NotSent and OutcomeUnknown."""
        prepared = self._prepare(call)
        timeout = Timeout(
            connect=self._settings.connect_timeout_seconds,
            read=self._settings.read_timeout_seconds,
            total=within_seconds,
        )
        failure: SinchError
        try:
            return self._send(prepared, timeout)
        except ConnectFailed as error:
            failure = NotSent(f"no connection to Sinch ({error})")
        except ResponseTooLarge:
            failure = OutcomeUnknown("no usable response from Sinch (too large)")
        except Exception as error:  # noqa: BLE001 - the request may have left, so any error leaves the outcome unknown
            failure = OutcomeUnknown(f"no usable response from Sinch ({type(error).__name__})")
        raise failure  # outside the handlers: the errors of requests quote the URL and must not become its context

    def close(self) -> None:
        """Close the idle connections; the next call opens new ones."""
        self._adapter.close()

    def _prepare(self, call: Call) -> requests.PreparedRequest:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "otp-service"}
        body = None
        if call.body is not None:
            body = json.dumps(call.body, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        if call.language:
            headers["Accept-Language"] = call.language
        url = self._settings.root + call.path
        return requests.Request(_VERBS[call.operation], url, headers, data=body, auth=self._auth).prepare()

    def _send(self, prepared: requests.PreparedRequest, timeout: Timeout) -> Response:
        verify = self._settings.ca_bundle or True
        response = self._adapter.send(
            prepared,
            stream=True,
            timeout=timeout,  # type: ignore[arg-type] # the stubs know numbers only; requests passes it through
            verify=verify,
            proxies=self._proxies,
        )
        body = bytearray()
        with contextlib.closing(response):
            # To the end: a body that was cut off shows only there.
            while chunk := response.raw.read(_CHUNK_BYTES, decode_content=False):
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise ResponseTooLarge
        return Response(response.status_code, _decode(bytes(body)), response.headers.get("Retry-After"))


def _auth(settings: SinchSettings) -> AuthBase:
    if settings.auth == "basic":
        return HTTPBasicAuth(settings.key, settings.secret)
    return ApplicationSigned(settings.key, settings.secret)


def _decode(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`, with amounts as Decimal. None for anything else, repeated names included."""
    try:
        payload = strict_json.decode(body.decode(), parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None
