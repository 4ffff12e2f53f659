"""IP addresses: their one spelling, the network that they count for, and which of them mean this machine."""

import ipaddress
import re
import socket
from functools import lru_cache

IP_LENGTH = 45
WIDER_BITS = (56, 48)
"""The sizes of the networks of IPv6 that count besides the /64."""

_SITE_BITS = {4: 24, 6: 56}
_IN_BRACKETS = re.compile(r"\[(?P<address>[^\]]*)\](:[0-9]*)?")
_WITH_PORT = re.compile(r"(?P<address>[0-9.]+):[0-9]*")


@lru_cache(maxsize=4_096)
def plain_address(text: str) -> str:
    """Return the address that a socket or a proxy's header names, in its one spelling; `unknown` for any other text.

    Proxies write `192.0.2.1:5555`, `[2001:db8::1]:5555`, and quotes around it (RFC 7239, section 6).
    """
    bare = text.strip().strip('"')
    found = _IN_BRACKETS.fullmatch(bare) or _WITH_PORT.fullmatch(bare)
    try:
        address = ipaddress.ip_address((found["address"] if found else bare).partition("%")[0])
    except ValueError:
        return "unknown" if bare else ""
    # A dual-stack socket shows IPv4 clients as ::ffff:192.0.2.1: without this they had two spellings.
    return str(getattr(address, "ipv4_mapped", None) or address)


@lru_cache(maxsize=4_096)
def network_of(ip: str) -> str:
    """Return the network that an address counts for: of IPv6 the /64, because one customer has all of it (ADR 10)."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip[:IP_LENGTH]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


@lru_cache(maxsize=4_096)
def wider_network_of(ip: str, bits: int) -> str | None:
    """Return the network of so many bits that an IPv6 address counts for as well; None for any other text.

    One customer may have a /56 or a /48, which is 256 or 65,536 networks of `network_of` (ADR 37).
    """
    network = network_of(ip)
    return str(ipaddress.ip_network(network).supernet(new_prefix=bits)) if network.endswith("/64") else None


@lru_cache(maxsize=4_096)
def site_of(ip: str) -> str:
    """Return the network that a home or an office keeps while addresses in it change: /24 of IPv4, /56 of IPv6.

    RFC 6177 has providers give each site a /48 to a /56. A /24 is the smallest part of IPv4 that is routed by itself.
    """
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip[:IP_LENGTH]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((str(address), _SITE_BITS[address.version]), strict=False))


def is_loopback(host: str) -> bool:
    """Whether data for a host name or address never leaves this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def is_private(address: str) -> bool:
    """Whether an address is of this machine or of a private network."""
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False


def is_this_machine(host: str) -> bool:
    """Whether a host name or address leads to this machine: also `0.0.0.0`, and Docker's name for its host.

    Use `is_loopback` to decide whether a secret may travel unencrypted.
    """
    name = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(name))  # 127.1 and 0x7f000001, which resolvers take too
        except (OSError, UnicodeError):
            return name in {"localhost", "host.docker.internal"} or name.endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None) or address  # ::ffff:127.0.0.1 connects to 127.0.0.1
    return bool(mapped.is_loopback or mapped.is_unspecified)
