"""The client of the gateway: one signed request for each message, and what its responses mean.

| response                                     | means                                                        |
|----------------------------------------------|--------------------------------------------------------------|
| 2xx                                          | accepted, whatever the body says                             |
| 400, 422                                     | surely not sent: it refuses this number, or on this channel  |
| 429                                          | surely not sent: too many requests                           |
| other 4xx                                    | surely not sent: it refuses every request like this one      |
| no connection                                | surely not sent                                              |
| 5xx, 3xx, a time-out, a connection that ends | unknown: the message may be on its way                       |
"""

import json
import logging
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from http import HTTPStatus
from typing import Any

import requests

from otp_service.core import clock
from otp_service.core.calls.errors import OutcomeUnknown, RateLimited, Refused
from otp_service.core.calls.exchange import HEADERS, Exchange, Reach, Response
from otp_service.core.calls.guarded_call import GuardedCaller, Guards
from otp_service.core.calls.guards import BreakerState
from otp_service.core.crypto.webhook_signatures import signed_headers
from otp_service.http_gateway.settings import GatewaySettings
from otp_service.providers import NumberRefused, Price
from otp_service.providers.price_lists import CURRENCY

SERVER = "the HTTP gateway"
CONNECT_SECONDS = 2.0
DEADLINE_SECONDS = 6.0
WAIT_SECONDS = 3.0
COOL_DOWN_SECONDS = 10.0
RETRY_PAUSE_SECONDS = 0.1
_HIGHEST = Decimal(1_000)
_CENTS_OF_CENTS = Decimal("0.0001")
_OF_THIS_MESSAGE = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)

log = logging.getLogger(__name__)


class GatewayClient:
    """One for each process, shared by its threads. `before_call` runs before each request in the calling thread."""

    def __init__(self, settings: GatewaySettings, before_call: Callable[[], None] | None = None) -> None:
        self._settings = settings
        self._exchange = Exchange(
            Reach(
                server=SERVER,
                connect_timeout_seconds=CONNECT_SECONDS,
                read_timeout_seconds=settings.read_timeout_seconds,
                pool_size=settings.concurrency,
                ca_bundle=settings.ca_file,
            )
        )
        self._caller = GuardedCaller(_guards(settings), before_call)

    def send(self, message_id: str, message: Mapping[str, Any]) -> Price | None:
        """Hand a message over; return its price if the gateway names one. Raises CallError."""
        body = json.dumps(message, separators=(",", ":")).encode()

        def exchange(within_seconds: float) -> Response:
            prepared = self._prepare(message_id, body)
            return _accepted(self._exchange.send(prepared, within_seconds, needs_body=False))

        return self._price(self._caller.call("start", exchange))

    def probe(self) -> int:
        """Return the status of a HEAD request, which hands no message over. Raises NotSent, OutcomeUnknown."""
        prepared = requests.Request("HEAD", self._settings.url, HEADERS).prepare()
        return self._exchange.send(prepared, DEADLINE_SECONDS, needs_body=False).http_status

    def state(self) -> BreakerState:
        """Return the state of this process's circuit breaker. Makes no call."""
        return self._caller.state()

    def _prepare(self, message_id: str, body: bytes) -> requests.PreparedRequest:
        signed = signed_headers(self._settings.secret, message_id=message_id, at=clock.now(), body=body)
        headers = {**HEADERS, "Content-Type": "application/json", **signed}
        return requests.Request("POST", self._settings.url, headers, data=body).prepare()

    def _price(self, response: Response) -> Price | None:
        """Read `{"price": "0.04", "currency": "EUR"}`. No message depends on it, so what makes no sense is ignored."""
        payload = response.payload or {}
        if response.is_empty or (response.payload is not None and payload.get("price") is None):
            return None
        price = _read_price(payload.get("price"), payload.get("currency", self._settings.currency))
        if price is None:
            log.warning("http_gateway.body_ignored", extra={"httpStatus": response.http_status})
        return price


def _accepted(response: Response) -> Response:
    """Return a response of success. Raises NumberRefused, Refused, RateLimited, OutcomeUnknown."""
    status = response.http_status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return response
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        wait, detail = response.retry_after_seconds, f"no usable response from {SERVER} (HTTP {status})"
        raise OutcomeUnknown(detail, http_status=status, retry_after_seconds=wait)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = response.retry_after_seconds
        raise RateLimited(f"{SERVER} accepts no more messages for now", http_status=status, retry_after_seconds=wait)
    kind = NumberRefused if status in _OF_THIS_MESSAGE else Refused
    # Without the gateway's own words: they may quote the code, the text or the number in any spelling.
    raise kind(f"{SERVER} refused the message (HTTP {status})", http_status=status)


def _read_price(amount: Any, currency: Any) -> Price | None:
    if isinstance(amount, bool) or not isinstance(amount, str | int | Decimal):
        return None
    try:
        value = Decimal(amount)
    except ArithmeticError:
        return None
    is_known = isinstance(currency, str) and CURRENCY.fullmatch(currency.upper())
    if not is_known or not value.is_finite() or not 0 <= value <= _HIGHEST:
        return None
    return Price(value.quantize(_CENTS_OF_CENTS, ROUND_HALF_UP), currency.upper())


def _guards(settings: GatewaySettings) -> Guards:
    return Guards(
        server=SERVER,
        event="http_gateway",
        deadline_seconds=DEADLINE_SECONDS,
        max_in_flight=settings.concurrency,
        in_flight_wait_seconds=WAIT_SECONDS,
        failure_threshold=settings.breaker_failures,
        cool_down_seconds=COOL_DOWN_SECONDS,
        retry_pause_seconds=RETRY_PAUSE_SECONDS,
    )
