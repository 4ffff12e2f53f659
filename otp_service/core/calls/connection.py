"""HTTP connections whose time-outs bound a whole phase (connect, response), not each packet.

The time-outs of requests and urllib3 restart with every byte, every address and every handshake message, and never
cover the resolver. With them, a server that drips one byte a second would hold a thread for hours.
"""

import http.client
import io
import queue
import socket
import ssl
import sys
import threading
import time
from typing import Any, ClassVar

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

MAX_BODY_BYTES = 64 * 1024
_MAX_RESPONSE_BYTES = MAX_BODY_BYTES + 16 * 1024  # with headers and chunk framing
# Below the usual keep-alive of servers: a request on a connection that is being closed has an unknown outcome.
_MAX_IDLE_SECONDS = 20.0

Address = tuple[Any, ...]
"""What `socket.getaddrinfo` returns for one address; the address itself is the last item."""


class ConnectFailed(Exception):
    """No connection was made, so no byte of the request was sent. The text is the reason in one word."""


class AddressRefused(Exception):
    """The host's address is none that this connection may be made to. The text says what kind of address it is."""


class ResolverTooSlow(TimeoutError):
    """The resolver gave no address in time."""


class ResponseTooLarge(Exception):
    """The response is longer than any that a server has reason to send."""


class _BoundedReader(io.RawIOBase):
    """A socket's bytes up to a deadline and a count, however slowly they arrive."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw
        self._ends_at = time.monotonic() + (sock.gettimeout() or 0.0)
        self._bytes_left = _MAX_RESPONSE_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        remaining = self._ends_at - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the whole response took too long")
        if self._bytes_left <= 0:
            raise ResponseTooLarge
        self._sock.settimeout(remaining)
        count: int | None = self._raw.readinto(buffer)
        self._bytes_left -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """Reads its response, status line included, through a `_BoundedReader`."""

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp = io.BufferedReader(_BoundedReader(sock, self.fp.detach()))


class BoundedConnection(HTTPConnection):
    """The base of the plain and the TLS connection. `self.timeout` is the limit of the current phase."""

    response_class = _BoundedResponse
    used_at = 0.0

    def connect(self) -> None:
        reason = None
        try:
            super().connect()
        except Exception as error:  # noqa: BLE001 - whatever failed, no byte of the request was sent
            reason = _reason(error)
        if reason:
            raise ConnectFailed(reason)  # outside the handler: the errors of urllib3 quote the URL

    def getresponse(self) -> Any:
        self.used_at = time.monotonic()
        return super().getresponse()

    @property
    def is_connected(self) -> bool:
        is_stale = time.monotonic() - self.used_at > _MAX_IDLE_SECONDS
        return not is_stale and super().is_connected

    def _new_conn(self) -> socket.socket:
        ends_at = time.monotonic() + float(self.timeout or 0.0)
        addresses = self.find_addresses(ends_at)
        last_error: OSError = OSError("no address")
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            # Each address gets its share of the time: a broken IPv6 route must not use up the time of IPv4.
            share = (ends_at - time.monotonic()) / (len(addresses) - tried)
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(max(share, 0.001))
                sock.connect(address)
                sock.settimeout(max(ends_at - time.monotonic(), 0.001))  # the rest is for the TLS handshake
            except OSError as error:
                last_error = error
                sock.close()
            else:
                sys.audit("http.client.connect", self, self.host, self.port)
                return sock
        raise last_error

    def find_addresses(self, ends_at: float) -> list[Address]:
        """Return the addresses to try, in order. A subclass may refuse some by AddressRefused."""
        return resolve(self._dns_host.strip("[]"), self.port, ends_at)


class BoundedTlsConnection(BoundedConnection, HTTPSConnection):
    """The same over TLS."""


class PlainPool(HTTPConnectionPool):
    """Connections without TLS."""

    ConnectionCls = BoundedConnection


class TlsPool(HTTPSConnectionPool):
    """Connections with TLS."""

    ConnectionCls = BoundedTlsConnection


class BoundedAdapter(HTTPAdapter):
    """The connection pool of requests with bounded connections. Lets ConnectFailed and ResponseTooLarge through."""

    pools: ClassVar[dict[str, type[HTTPConnectionPool]]] = {"http": PlainPool, "https": TlsPool}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self.pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self.pools
        return manager


_REASONS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (ssl.SSLCertVerificationError, "certificate"),
    (ssl.SSLError, "TLS"),
    ((socket.gaierror, UnicodeError), "DNS"),
    (ResolverTooSlow, "DNS time-out"),
    (TimeoutError, "time-out"),
    (ConnectionRefusedError, "refused"),
)


def _reason(error: Exception) -> str:
    """Return why there is no connection, in a word: each sends an operator to another place."""
    if isinstance(error, AddressRefused):
        return str(error)
    if "Tunnel connection failed" in str(error):  # http.client has no class for it
        return "proxy refused"
    return next((word for kind, word in _REASONS if isinstance(error, kind)), type(error).__name__)


def resolve(host: str, port: int, ends_at: float) -> list[Address]:
    """Return the addresses of `host` until a moment of the monotonic clock. Raises ResolverTooSlow, OSError.

    The resolver has no time-out, so it runs in a thread that is abandoned when late.
    """
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # a name: an address needs no resolver and no thread
    found: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            found.put(error)

    threading.Thread(target=look_up, name="resolver", daemon=True).start()
    try:
        result = found.get(timeout=max(ends_at - time.monotonic(), 0.001))
    except queue.Empty:
        raise ResolverTooSlow("the resolver took too long") from None
    if isinstance(result, Exception):
        raise result
    return result
