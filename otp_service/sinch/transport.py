"""One request to Sinch: its URL, headers and signature."""

import json
import urllib.parse
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from otp_service.core.calls.exchange import HEADERS, Exchange, Reach, Response
from otp_service.sinch.settings import SinchSettings
from otp_service.sinch.signing import ApplicationSigned


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


class Transport:
    """Holds the connections to Sinch; threads may share it."""

    def __init__(self, settings: SinchSettings) -> None:
        self._root = settings.root
        self._auth = _auth(settings)
        self._exchange = Exchange(
            Reach(
                server="Sinch",
                connect_timeout_seconds=settings.connect_timeout_seconds,
                read_timeout_seconds=settings.read_timeout_seconds,
                pool_size=settings.pool_size,
                ca_bundle=settings.ca_bundle,
                proxy=settings.proxy,
            )
        )

    def exchange(self, call: Call, within_seconds: float) -> Response:
        """Send `call` and read the response within `within_seconds`. Raises NotSent and OutcomeUnknown."""
        return self._exchange.send(self._prepare(call), within_seconds)

    def close(self) -> None:
        """Close the idle connections; the next call opens new ones."""
        self._exchange.close()

    def _prepare(self, call: Call) -> requests.PreparedRequest:
        headers = dict(HEADERS)
        body = None
        if call.body is not None:
            body = json.dumps(call.body, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        if call.language:
            headers["Accept-Language"] = call.language
        url = self._root + call.path
        return requests.Request(_VERBS[call.operation], url, headers, data=body, auth=self._auth).prepare()


def _auth(settings: SinchSettings) -> AuthBase:
    if settings.auth == "basic":
        return HTTPBasicAuth(settings.key, settings.secret)
    return ApplicationSigned(settings.key, settings.secret)
