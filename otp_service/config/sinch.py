"""Reads how the service reaches Sinch: in production Sinch itself, in development the simulator without any setting."""

import ssl
from dataclasses import dataclass, field

from otp_service.config.providers import read_providers
from otp_service.config.reader import Reader, is_placeholder, split_address
from otp_service.core.addresses import is_this_machine
from otp_service.core.text import decoded_base64
from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET

SINCH_URL = "https://verification.api.sinch.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinchAccess:
    """The application's key and secret at Sinch, and where Sinch is. `auth` is `signed` or `basic`."""

    app_key: str
    app_secret: str = field(repr=False)
    base_url: str
    auth: str
    proxy: str | None = field(repr=False)
    ca_file: str | None
    read_timeout_seconds: float
    breaker_failures: int
    concurrency: int
    wait_seconds: int


def read_sinch(read: Reader) -> SinchAccess:
    """Read SINCH_*; without a key, SIMULATOR_PORT says where the simulator is."""
    key = read.text("SINCH_APP_KEY", default="")
    secret = read.secret("SINCH_APP_SECRET", default=None)
    is_needed = read.production and "sinch" in read_providers(read)
    if is_needed or key or secret:
        _check_credentials(read, key, secret)
    if is_needed:
        _reject_simulator(read, key, secret)
    return SinchAccess(
        app_key=key or DEMO_KEY,
        app_secret=secret or DEMO_SECRET,
        base_url=_base_url(read, key),
        auth=read.choice("SINCH_AUTH", ("signed", "basic"), default="signed"),
        proxy=_read_proxy(read),
        ca_file=_read_ca_file(read),
        breaker_failures=read.integer("SINCH_BREAKER_FAILURES", default=5, low=1, high=1_000_000),
        concurrency=read.integer("SINCH_CONCURRENCY", default=16, low=1, high=256),
        wait_seconds=read.duration("SINCH_WAIT", default=3, low=0, high=5),
        read_timeout_seconds=read.integer("SINCH_TIMEOUT_MS", default=5_000, low=100, high=7_000) / 1000,
    )


def _read_proxy(read: Reader) -> str | None:
    proxy = read.secret("SINCH_PROXY", default=None)
    parts = split_address(proxy) if proxy else None
    if proxy and (parts is None or parts.scheme not in {"http", "https"} or "@" in (parts.password or "")):
        read.fault("SINCH_PROXY", "is no address of a proxy", "hold http://user:password@host:port (encode @ as %40)")
    return proxy


def _read_ca_file(read: Reader) -> str | None:
    path = read.text("SINCH_CA_FILE", default="")
    try:
        if path:
            ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        read.fault("SINCH_CA_FILE", f"holds {path!r} ({type(error).__name__})", "name a file of certificates (PEM)")
    return path or None


def _base_url(read: Reader, key: str) -> str:
    simulated = f"http://127.0.0.1:{read.integer('SIMULATOR_PORT', default=8090, low=1, high=65535)}"
    base_url = read.text("SINCH_BASE_URL", default=SINCH_URL if key or read.production else simulated)
    parts = split_address(base_url)
    if parts is None or parts.scheme not in {"http", "https"} or "@" in base_url:
        read.fault("SINCH_BASE_URL", "is no address of a server", f"hold one such as {SINCH_URL}")
    elif read.production and (parts.scheme != "https" or is_this_machine(parts.hostname or "")):
        read.fault("SINCH_BASE_URL", f"holds {base_url!r}", f"hold {SINCH_URL}: no simulator in production")
    return base_url


def _check_credentials(read: Reader, key: str, secret: str | None) -> None:
    if not key:
        read.fault("SINCH_APP_KEY", "is not set", "hold the application key of your Sinch dashboard")
    elif is_placeholder(key):
        read.fault("SINCH_APP_KEY", "holds a placeholder", "hold the application key of your Sinch dashboard")
    if not secret:
        read.fault("SINCH_APP_SECRET", "is not set", "hold the application secret of your Sinch dashboard")
        return
    if not decoded_base64(secret, needs_padding=False):
        read.fault("SINCH_APP_SECRET", "is no base64", "hold the application secret as the dashboard shows it")


def _reject_simulator(read: Reader, key: str, secret: str | None) -> None:
    if key == DEMO_KEY:
        read.fault("SINCH_APP_KEY", "holds the simulator's key", "hold your own in production")
    if secret == DEMO_SECRET:
        read.fault("SINCH_APP_SECRET", "holds the simulator's secret", "hold your own in production")
