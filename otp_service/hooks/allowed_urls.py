"""Where a hook may lead: the rules for its URL, and for each address that its host name resolves to.

A URL that an operator copies from somewhere must not make this service call its own network (OWASP, Server-Side
Request Forgery). The rules for addresses hold for the address that is connected to, at each try (ADR 38).
"""

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

import requests

LONGEST_URL = 2_000
_SHAPE = re.compile(r"[!-~]+")  # printable ASCII without blanks; a parser may cut or skip anything else
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            *("169.254.169.254", "fd00:ec2::254"),  # AWS, Google, Azure and others; AWS over IPv6
            *("169.254.170.2", "169.254.170.23", "fd00:ec2::23"),  # containers of AWS: ECS, EKS
            *("fd20:ce::254", "168.63.129.16", "100.100.100.200", "192.0.0.192"),  # Google, Azure, Alibaba, Oracle
        ),
    )
)
"""Where clouds hand out credentials."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
"""A network's own translation (RFC 8215). Where it has the address of IPv4 is its own matter: none of it is public."""

_COMPATIBLE = ipaddress.ip_network("::/96")
_SITE_LOCAL = ipaddress.ip_network("fec0::/10")
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_SHARED = ipaddress.ip_network("100.64.0.0/10")
_ASSIGNED = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("192.88.99.0/24"))
"""For protocols (RFC 6890), and the relays of 6to4 (RFC 7526): no host, though Python calls parts of them global."""


class BadUrl(ValueError):
    """A URL that no hook may have. The text says what is wrong with it, and does not repeat it."""


def require_allowed(url: str, *, needs_https: bool) -> str:
    """Return the host of a URL that a hook may have. Raises BadUrl."""
    if len(url) > LONGEST_URL or not _SHAPE.fullmatch(url) or "\\" in url:
        raise BadUrl(f"has more than {LONGEST_URL} characters, or blanks, backslashes or letters beyond ASCII")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        # What will be sent, as the library writes it: both must mean the same host.
        prepared = urlsplit(requests.Request("POST", url).prepare().url or "")
    except ValueError:  # an unclosed bracket, a port that is no number, a host that is none
        raise BadUrl("is not an address such as https://shop.example/hooks") from None
    if parts.scheme not in {"http", "https"} or not host or port == 0 or prepared.hostname != host:
        raise BadUrl("is not an address such as https://shop.example/hooks")
    if parts.username is not None or parts.password is not None:
        raise BadUrl("has a user or a password; the receiver checks the signature instead")
    if "#" in url:
        raise BadUrl("has a fragment (#), which no server receives")
    if needs_https and parts.scheme != "https":
        raise BadUrl("is not https, which production requires")
    return host


def is_address(host: str) -> bool:
    """Whether a host is an address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def find_refusal(text: str, *, allows_private: bool) -> str | None:
    """Return what kind of address it is if nothing may be sent to it; None for an allowed one.

    An address of IPv6 that carries one of IPv4 leads there, so both are judged.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    kinds = [_kind(one) for one in (address, _carried(address)) if one is not None]
    never = next((kind for kind in kinds if kind in _NEVER), None)
    return never or (None if allows_private else next((kind for kind in kinds if kind is not None), None))


_NEVER = frozenset(
    {"an unspecified address", "a multicast address", "a reserved address", "a cloud's metadata service"}
)


def _kind(address: IPv4Address | IPv6Address) -> str | None:  # noqa: C901 - one line for each kind
    """Return what an address is, None for one of a public host."""
    if address in _METADATA:
        return "a cloud's metadata service"
    if address.is_unspecified:
        return "an unspecified address"
    if address.is_multicast:
        return "a multicast address"
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local:
        return "a link-local address"
    if isinstance(address, IPv4Address):
        if address in _SHARED:
            return "a shared address of a provider (CGNAT)"
        if address.is_reserved:
            return "a reserved address"
        is_public = address.is_global and not any(address in network for network in _ASSIGNED)
        return None if is_public else "a private address"
    if address in _LOCAL_NAT64:
        return "a private address"
    if _carried(address) is not None:
        return None  # as the address that it carries
    if address in _SITE_LOCAL or address in _DOCUMENTATION or not address.is_global:
        return "a private address"
    return None if address in _GLOBAL_UNICAST else "a reserved address"


def _carried(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """Return the address of IPv4 that traffic to one of IPv6 ends up at."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None or address.sixtofour is not None:
        return address.ipv4_mapped or address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    is_translated = address in _NAT64 or address in _LOCAL_NAT64 or address in _COMPATIBLE
    is_its_own = address.is_loopback or address.is_unspecified
    return IPv4Address(int(address) & 0xFFFFFFFF) if is_translated and not is_its_own else None
