"""The authorization server's metadata (RFC 8414), by which libraries find the keys and the introspection."""

from typing import Any
from urllib.parse import urlsplit

from otp_service.core.services import settings
from otp_service.core.web.problems import API_PREFIX

KEYS_PATH = "/.well-known/jwks.json"
INTROSPECTION_PATH = f"{API_PREFIX}/tokens/introspect"
AUTHENTICATION = ("Bearer", "client_secret_basic")
"""How a backend sends its key: as a bearer token, or as the client id of Basic with an empty secret."""


_REMEDY = (
    "Set JWT_ISSUER to PUBLIC_URL. Clients then refresh their access tokens once, and services that check tokens "
    "must expect the new issuer."
)


def describe() -> dict[str, Any]:
    """Return the metadata. Members with an address are absent while the service does not know its own.

    The addresses come from the settings alone: a Host header would let a client choose where others find our keys.
    """
    address = _address()
    endpoints = {} if address is None else _endpoints(address)
    # No flow starts here. Section 2 requires the first list, and without the second one libraries assume two flows.
    no_flows = {"response_types_supported": (), "grant_types_supported": ()}
    return {"issuer": settings().tokens.issuer, **endpoints, **no_flows}


def _endpoints(address: str) -> dict[str, Any]:
    return {
        "jwks_uri": f"{address}{KEYS_PATH}",
        "introspection_endpoint": f"{address}{INTROSPECTION_PATH}",
        "introspection_endpoint_auth_methods_supported": AUTHENTICATION,
    }


def _address() -> str | None:
    """Return PUBLIC_URL, else an issuer that is an address; in development, else the port on this machine."""
    server, issuer = settings().server, settings().tokens.issuer
    if server.public_url is not None:
        return server.public_url
    if is_address(issuer):
        return issuer.rstrip("/")
    return None if settings().is_production else f"http://127.0.0.1:{server.port}"


def is_address(issuer: str) -> bool:
    """Whether an issuer is a URL without query and fragment (RFC 8414, section 2). HTTP is for development."""
    try:
        parts = urlsplit(issuer)
    except ValueError:  # an unclosed bracket
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname) and not ({"?", "#"} & set(issuer))


def fault() -> tuple[str, str] | None:
    """Return what keeps libraries from using the metadata, and the remedy; None if they can use it.

    With HS256 no other service checks signatures, so none needs the keys.
    """
    tokens, public_url = settings().tokens, settings().server.public_url
    if tokens.algorithm == "HS256":
        return None
    if public_url is None and settings().is_production:
        return "the metadata names no address", "Set PUBLIC_URL to the address at which other services reach this one."
    if not is_address(tokens.issuer) or (public_url is not None and tokens.issuer.rstrip("/") != public_url):
        what = "is not PUBLIC_URL" if is_address(tokens.issuer) else "is no address"
        return f"the issuer {tokens.issuer!r} {what}: libraries reject the metadata (RFC 8414)", _REMEDY
    return None
