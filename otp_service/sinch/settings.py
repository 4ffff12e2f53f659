"""The settings of the Sinch client: address, credentials, time-outs and limits."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from otp_service.core.addresses import is_loopback
from otp_service.sinch.signing import decode_secret

_PREFIX = "/verification/v1"


@dataclass(frozen=True)
class SinchSettings:
    """How to call Sinch. Raises ValueError for values that cannot work; its text never holds the secret.

    `base_url` is a host, with or without `/verification/v1`; without a scheme it is https. `ca_bundle` is the path
    of a PEM file that replaces the public authorities. `proxy` is the URL of an HTTP proxy, which may have a user and a
    password. `code_ttl_seconds` is the lifetime of SMS codes that we ask
    Sinch for (None: Sinch's own 5 minutes).
    """

    key: str
    secret: str = field(repr=False)
    base_url: str = "https://verification.api.sinch.com"
    auth: Literal["signed", "basic"] = "signed"
    connect_timeout_seconds: float = 2.0
    read_timeout_seconds: float = 4.0
    deadline_seconds: float = 6.0
    pool_size: int = 16
    max_in_flight: int = 16
    in_flight_wait_seconds: float = 3.0
    failure_threshold: int = 5
    cool_down_seconds: float = 10.0
    retry_pause_seconds: float = 0.1
    code_ttl_seconds: int | None = None
    ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.key or ":" in self.key or not self.key.isprintable():
            raise ValueError("the Sinch application key is empty or has a character that no key has")
        if self.auth not in ("signed", "basic"):
            raise ValueError("the Sinch authentication must be 'signed' or 'basic'")
        if self.auth == "signed":
            decode_secret(self.secret)
        elif not self.secret:
            raise ValueError("the Sinch application secret is empty")
        if self.ca_bundle is not None and not Path(self.ca_bundle).is_file():
            raise ValueError(f"the file of certificate authorities does not exist: {self.ca_bundle}")
        self._check_numbers()
        self._check_url()

    @property
    def root(self) -> str:
        """The URL in front of all paths; it ends in `/verification/v1`."""
        return self._address().removesuffix(_PREFIX) + _PREFIX

    def _address(self) -> str:
        address = self.base_url.strip().rstrip("/")
        return address if "://" in address else f"https://{address}"

    def _check_numbers(self) -> None:
        positive = (
            "connect_timeout_seconds",
            "read_timeout_seconds",
            "deadline_seconds",
            "pool_size",
            "max_in_flight",
            "failure_threshold",
        )
        for name in positive:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0")

    def _check_url(self) -> None:
        parts = urlsplit(self._address())
        is_plain = parts.scheme in ("http", "https") and bool(parts.hostname)
        has_extras = parts.query or parts.fragment or parts.username or parts.path not in ("", _PREFIX)
        if not is_plain or has_extras or _port_is_bad(self._address()):
            raise ValueError(f"the Sinch base URL must be a host, or a host with {_PREFIX}")
        if parts.scheme == "http" and self.auth == "basic" and not is_loopback(parts.hostname or ""):
            raise ValueError("basic authentication over http would expose the Sinch secret to the network: use https")


def _port_is_bad(address: str) -> bool:
    try:
        return urlsplit(address).port == 0
    except ValueError:
        return True
