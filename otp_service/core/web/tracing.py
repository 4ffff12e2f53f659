"""Who is asking, and under which request id: read off the request once, for answers, logs and services."""

import ipaddress
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import g, has_request_context, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
AGENT_LENGTH = 200
IP_LENGTH = 45
_IN_BRACKETS = re.compile(r"\[(?P<address>[^\]]*)\](:[0-9]*)?")
_WITH_PORT = re.compile(r"(?P<address>[0-9.]+):[0-9]*")


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """What the edge knows of the caller. `ip` is the socket's, or what the trusted proxies vouch for."""

    ip: str
    agent: str
    request_id: str | None = None


def client_info() -> ClientInfo:
    """The caller of the current request."""
    ip = client_address()
    agent = _storable(request.headers.get("User-Agent", ""), AGENT_LENGTH)
    return ClientInfo(ip=ip, agent=agent, request_id=request_id())


def client_address() -> str:
    """The caller's address in its one spelling; empty for a socket that has none. See `use_plain_addresses`."""
    return request.remote_addr or ""


def use_plain_addresses(app: "WSGIApplication") -> "WSGIApplication":
    """Hand `app` the client's address without port and brackets, so that nobody has as many as there are ports."""

    def with_plain_address(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["REMOTE_ADDR"] = plain_address(environ.get("REMOTE_ADDR", ""))
        return app(environ, start_response)

    return with_plain_address


@lru_cache(maxsize=4_096)
def plain_address(text: str) -> str:
    """The address that a socket or a proxy's header names, in its one spelling; `unknown` for what is none.

    Proxies write `192.0.2.1:5555`, `[2001:db8::1]:5555` and quotes around it (RFC 7239, section 6).
    """
    bare = text.strip().strip('"')
    found = _IN_BRACKETS.fullmatch(bare) or _WITH_PORT.fullmatch(bare)
    try:
        address = ipaddress.ip_address((found["address"] if found else bare).partition("%")[0])
    except ValueError:
        return "unknown" if bare else ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def concerns(user_id: int) -> None:
    """Note whom the current request is about: every line that it logs from now on says so. Shows nothing."""
    if has_request_context():
        g.concerned_user_id = user_id


def concerned_user_id() -> int | None:
    """Whom the current request is about, as far as that is known."""
    return g.get("concerned_user_id") if has_request_context() else None


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
    known: str | None = g.get("request_id")
    if known is None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = known = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
    return known
