"""The settings of the HTTP gateway: where it is, how requests to it are signed, and what its messages cost."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from otp_service.config.providers import read_providers
from otp_service.config.reader import Reader, is_weak, split_address
from otp_service.core.addresses import is_loopback
from otp_service.core.crypto.webhook_signatures import SHORTEST_SECRET, read_secret
from otp_service.providers.price_lists import read_currency, read_price_list

NAME = "http"
OF_THE_SIMULATOR = b"not-a-real-gateway-secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """`url` is None without a gateway. `prices` are a list of `providers.price_lists`."""

    url: str | None
    secret: bytes = field(repr=False)
    prices: Mapping[str, Decimal]
    currency: str
    ca_file: str | None
    read_timeout_seconds: float
    breaker_failures: int
    concurrency: int


def read_gateway(read: Reader) -> GatewaySettings:
    """Read HTTP_GATEWAY_*; `read` collects the faults."""
    is_needed = NAME in read_providers(read)
    return GatewaySettings(
        url=_url(read, is_needed=is_needed),
        secret=_secret(read, is_needed=is_needed),
        prices=read_price_list(read, "HTTP_GATEWAY_PRICES"),
        currency=read_currency(read, "HTTP_GATEWAY_CURRENCY"),
        ca_file=_ca_file(read),
        read_timeout_seconds=read.integer("HTTP_GATEWAY_TIMEOUT_MS", default=5_000, low=100, high=7_000) / 1000,
        breaker_failures=read.integer("HTTP_GATEWAY_BREAKER_FAILURES", default=5, low=1, high=1_000_000),
        concurrency=read.integer("HTTP_GATEWAY_CONCURRENCY", default=16, low=1, high=256),
    )


def _url(read: Reader, *, is_needed: bool) -> str | None:
    url, example = read.text("HTTP_GATEWAY_URL", default=""), "https://sms.example.net/messages"
    if not url:
        if is_needed:
            read.fault("HTTP_GATEWAY_URL", "is not set", f"hold the address of your gateway, such as {example}")
        return None
    parts = split_address(url)
    if parts is None or parts.scheme not in {"http", "https"} or "@" in parts.netloc or parts.fragment:
        read.fault("HTTP_GATEWAY_URL", "is no address of a server", f"hold one such as {example}")
    elif read.production and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        # Every request carries a number and its code.
        may = "begin with https://, unless it leads to this machine"
        read.fault("HTTP_GATEWAY_URL", f"leads to {parts.hostname!r} by plain http", may)
    return url


def _secret(read: Reader, *, is_needed: bool) -> bytes:
    text = read.secret("HTTP_GATEWAY_SECRET", default=None)
    make = "hold whsec_ and 32 random bytes in base64 (echo whsec_$(openssl rand -base64 32))"
    if text is None:
        if is_needed:
            read.fault("HTTP_GATEWAY_SECRET", "is not set", make)
        return b""
    secret = read_secret(text)
    if not secret:
        read.fault("HTTP_GATEWAY_SECRET", "is no base64", make)
    elif read.production and OF_THE_SIMULATOR in secret:
        read.fault("HTTP_GATEWAY_SECRET", "holds the simulator's secret", make)
    elif read.production and (len(secret) < SHORTEST_SECRET or is_weak(secret)):
        read.fault("HTTP_GATEWAY_SECRET", "holds a weak value", make)
    return secret


def _ca_file(read: Reader) -> str | None:
    path = read.text("HTTP_GATEWAY_CA_FILE", default="")
    try:
        if path:
            ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        fault = f"holds {path!r} ({type(error).__name__})"
        read.fault("HTTP_GATEWAY_CA_FILE", fault, "name a file of certificates (PEM)")
    return path or None
