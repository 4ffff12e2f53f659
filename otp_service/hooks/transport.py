"""One exchange with a receiver: bounded in time and size, and only with addresses that hooks may lead to (ADR 38).

The host name is resolved once for a connection. Every address is checked, and the connection goes to one of those that
were checked: a name that resolves to something else a moment later changes nothing.
"""

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import requests
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util import Timeout

from otp_service.core.calls.connection import (
    Address,
    AddressRefused,
    BoundedAdapter,
    BoundedConnection,
    BoundedTlsConnection,
    ConnectFailed,
    PlainPool,
    TlsPool,
)
from otp_service.core.database.transactions import assert_no_transaction
from otp_service.core.services import settings
from otp_service.hooks.allowed_urls import find_refusal
from otp_service.hooks.settings import HookSettings

# urllib3 writes whole URLs, which may hold secrets, to its debug log and to warnings about odd headers.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.ERROR)

TOTAL_SECONDS = 10.0
"""For everything: the resolver, the connection, TLS, the request and the response."""

CONNECT_SECONDS = 5.0
MAX_BODY_BYTES = 4 * 1024
HOSTS = 50
"""Hosts whose connections are kept, as many as there may be hooks."""

HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "otp-service"}


@dataclass(frozen=True, slots=True)
class Response:
    """What the receiver said. `body` is its beginning."""

    status: int
    retry_after: str | None = None
    location: str | None = field(default=None, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the receiver has the message: nothing but 2xx counts."""
        return 200 <= self.status <= 299  # noqa: PLR2004 - RFC 9110, section 15.3


class NoResponse(Exception):
    """No response came. The text says why in a few words, without the URL."""


def exchange(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, within: float = TOTAL_SECONDS
) -> Response:
    """Send a request and return the response, of whatever status, within some seconds. Raises NoResponse.

    Follows no redirect.
    """
    assert_no_transaction()
    held = settings().of(HookSettings)
    adapter = _adapter(held.allows_private, held.ca_file)
    try:
        return _send(adapter, requests.Request(method, url, {**HEADERS, **headers}, data=body).prepare(), within)
    except ConnectFailed as error:
        reason = f"no connection: {error}"
    except (requests.Timeout, TimeoutError):
        reason = f"no response within {within:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a receiver sends must not end the worker's thread
        reason = f"no usable response ({type(error).__name__})"
    raise NoResponse(reason)  # outside the handlers: the errors of requests quote the URL and must not be its context


def _send(adapter: "_Adapter", prepared: requests.PreparedRequest, within: float) -> Response:
    # No session: it would follow redirects, keep cookies, and take proxies and passwords from the environment.
    response = adapter.send(
        prepared,
        stream=True,
        timeout=Timeout(connect=CONNECT_SECONDS, read=within, total=within),  # type: ignore[arg-type]
        verify=adapter.ca_file or True,
        proxies={},
    )
    body = bytearray()
    # The status decides. A body that is long, slow or cut off costs the connection and not the outcome.
    with contextlib.closing(response), contextlib.suppress(Exception):
        while len(body) < MAX_BODY_BYTES and (chunk := response.raw.read(MAX_BODY_BYTES, decode_content=False)):
            body += chunk
    headers = response.headers
    return Response(
        response.status_code, headers.get("Retry-After"), headers.get("Location"), bytes(body[:MAX_BODY_BYTES])
    )


class _Checked(BoundedConnection):
    """Connects to no address that hooks may not lead to."""

    allows_private = False

    def find_addresses(self, ends_at: float) -> list[Address]:
        found = super().find_addresses(ends_at)
        for *_, (host, *_) in found:
            # All of them, not only the first: else a name with one public address would lead to the other ones.
            if (kind := find_refusal(str(host), allows_private=self.allows_private)) is not None:
                raise AddressRefused(f"{host} is {kind}")
        return found


class _CheckedTls(_Checked, BoundedTlsConnection):
    """The same over TLS, with the host's name in the handshake and in the check of the certificate."""


class _Open(_Checked):
    allows_private = True


class _OpenTls(_CheckedTls):
    allows_private = True


class _CheckedPool(PlainPool):
    ConnectionCls = _Checked


class _CheckedTlsPool(TlsPool):
    ConnectionCls = _CheckedTls


class _OpenPool(PlainPool):
    ConnectionCls = _Open


class _OpenTlsPool(TlsPool):
    ConnectionCls = _OpenTls


_POOLS: dict[bool, dict[str, type[HTTPConnectionPool]]] = {
    False: {"http": _CheckedPool, "https": _CheckedTlsPool},
    True: {"http": _OpenPool, "https": _OpenTlsPool},
}


class _Adapter(BoundedAdapter):
    """The connections of one process to all receivers. Threads may share it."""

    def __init__(self, allows_private: bool, ca_file: str | None) -> None:
        self.ca_file = ca_file
        super().__init__(pool_connections=HOSTS)
        self.poolmanager.pool_classes_by_scheme = _POOLS[allows_private]


@lru_cache(maxsize=4)
def _adapter(allows_private: bool, ca_file: str | None) -> _Adapter:
    return _Adapter(allows_private, ca_file)
