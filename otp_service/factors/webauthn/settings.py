"""The settings of passkeys: their domain, and the origins of the pages that may use them."""

import re
from dataclasses import dataclass

from otp_service.config.reader import Reader
from otp_service.config.server import read_service_name

DOMAIN = re.compile(r"localhost|([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?")
ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+)(:(?P<port>[0-9]{1,5}))?")
DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAuthnSettings:
    """Without an `rp_id` passkeys are off: a service without web pages needs none."""

    rp_id: str | None
    rp_name: str
    origins: tuple[str, ...]


def read_webauthn(read: Reader) -> WebAuthnSettings:
    """Read WEBAUTHN_*. The defaults come from the origins in FRONTEND_URL, and in development from PORT."""
    schemes = ("https",) if read.production else ("https", "http")
    known = [*_origins(read, "FRONTEND_URL"), *([] if read.production else [_local(read)])]
    usable = [origin for origin in known if _scheme(origin) in schemes and DOMAIN.fullmatch(_host(origin))]
    rp_id = read.text("WEBAUTHN_RP_ID", default="").lower() or (_host(usable[0]) if usable else None)
    if rp_id is not None and not DOMAIN.fullmatch(rp_id):
        read.fault("WEBAUTHN_RP_ID", f"holds {rp_id!r}", "hold a domain such as example.com, no address and no port")
    own = _origins(read, "WEBAUTHN_ORIGINS")
    for origin in own:
        _check(read, origin, rp_id, schemes)
    origins = own or tuple(origin for origin in usable if rp_id is not None and _belongs(_host(origin), rp_id))
    if rp_id is not None and not origins:
        read.fault("WEBAUTHN_ORIGINS", "is not set", f"hold the origins of the pages under {rp_id}")
    rp_name = read.text("WEBAUTHN_RP_NAME", default=read_service_name(read) or rp_id or "")
    return WebAuthnSettings(rp_id=rp_id, rp_name=rp_name, origins=origins)


def _origins(read: Reader, name: str) -> tuple[str, ...]:
    return tuple(_without_default_port(word.rstrip("/").lower()) for word in read.words(name))


def _local(read: Reader) -> str:
    return _without_default_port(f"http://localhost:{read.integer('PORT', default=8000, low=1, high=65535)}")


def _check(read: Reader, origin: str, rp_id: str | None, schemes: tuple[str, ...]) -> None:
    parts = ORIGIN.fullmatch(origin)
    if parts is None:
        read.fault("WEBAUTHN_ORIGINS", f"holds {origin!r}", "hold whole origins such as https://app.example.com")
    elif parts["scheme"] not in schemes:
        read.fault("WEBAUTHN_ORIGINS", f"holds {origin!r}", "hold https origins in production")
    elif rp_id is None or not _belongs(parts["host"], rp_id):
        read.fault("WEBAUTHN_ORIGINS", f"holds {origin!r}", f"hold origins on WEBAUTHN_RP_ID ({rp_id}) or below it")


def _belongs(host: str, rp_id: str) -> bool:
    """Return whether browsers let a page on `host` use passkeys of `rp_id` (a registrable domain suffix of it)."""
    return host == rp_id or host.endswith(f".{rp_id}")


def _scheme(origin: str) -> str:
    parts = ORIGIN.fullmatch(origin)
    return parts["scheme"] if parts else ""


def _host(origin: str) -> str:
    parts = ORIGIN.fullmatch(origin)
    return parts["host"] if parts else ""


def _without_default_port(origin: str) -> str:
    """Return the origin as browsers write it."""
    parts = ORIGIN.fullmatch(origin)
    is_default = parts is not None and parts["port"] == DEFAULT_PORTS[parts["scheme"]]
    return origin.rpartition(":")[0] if is_default else origin
