"""Who is asking, and under which request id: read off the request once, for answers, logs and services."""

import ipaddress
import re
import uuid
from dataclasses import dataclass
from functools import lru_cache

from flask import g, has_request_context, request

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
AGENT_LENGTH = 200
IP_LENGTH = 45


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """What the edge knows of the caller. `ip` is the socket's, or what the trusted proxies vouch for."""

    ip: str
    agent: str
    request_id: str | None = None


def client_info() -> ClientInfo:
    """The caller of the current request."""
    ip = _storable(request.remote_addr or "", IP_LENGTH)
    agent = _storable(request.headers.get("User-Agent", ""), AGENT_LENGTH)
    return ClientInfo(ip=ip, agent=agent, request_id=request_id())


def _storable(text: str, length: int) -> str:
    """What a header or a careless proxy may say, cut to what a column takes, without control characters."""
    return "".join(filter(str.isprintable, text[:length]))


@lru_cache(maxsize=4_096)
def network_of(ip: str) -> str:
    """Whom an address stands for where addresses are counted: of IPv6 the /64, all of which one customer has."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip[:IP_LENGTH]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


def request_id() -> str | None:
    """The id of the current request: the caller's `X-Request-ID` when it is well formed, else a new one."""
    if not has_request_context():
        return None
    if "request_id" not in g:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
    return str(g.request_id)
