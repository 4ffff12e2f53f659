"""Opens Redis or Valkey by the address in REDIS_URL: one server, a socket, or a server that Sentinels name.

- `redis://[user:password@]host[:port][/database]`, `rediss://` with TLS, `unix:///path`; `valkey://`, `valkeys://` too
- `redis+sentinel://[user:password@]host[:port],host[:port]/service[/database]`, `rediss+sentinel://` with TLS. User and
  password are those of the server; `?sentinel_username=` and `?sentinel_password=` are those of the Sentinels.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import ConnectionPool
from redis.sentinel import Sentinel

FORM = (
    "hold redis://host:port/0, rediss://... (TLS), valkey://..., valkeys://..., unix:///path or "
    "redis+sentinel://host:port,host:port/service/0"
)
SENTINEL_PORT = 26_379
_SAME = {"valkey": "redis", "valkeys": "rediss", "redis+unix": "unix", "valkey+unix": "unix"}
_SENTINEL = {"redis+sentinel": False, "valkey+sentinel": False, "rediss+sentinel": True, "valkeys+sentinel": True}
_OPTIONS = {"sentinel_username": "username", "sentinel_password": "password"}


class BadAddress(ValueError):
    """An address that is not understood. The text says what it holds, and no secret."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """An address that names Sentinels. `options` are those of connections to the Sentinels."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    database: int
    is_encrypted: bool
    username: str | None
    password: str | None
    options: dict[str, str]


def open_pool(url: str, *, timeout_seconds: float) -> ConnectionPool:
    """Return the connections to the server; opens none yet. Raises BadAddress."""
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    times: dict[str, Any] = {"socket_timeout": timeout_seconds, "socket_connect_timeout": timeout_seconds}
    if scheme in _SENTINEL:
        return _sentinel_pool(_parts(scheme, rest), times)
    plain = _SAME.get(scheme, scheme)
    if plain not in {"redis", "rediss", "unix"}:
        raise BadAddress(f"names {scheme}://, which is not supported" if rest else "is no Redis address")
    _check_plain(f"{plain}://{rest}")
    try:
        pool = ConnectionPool.from_url(f"{plain}://{rest}", **times)
        pool.make_connection()  # connects to nothing; an unknown option shows here
    except TypeError as error:
        name = re.search(r"argument '(\w+)'", str(error))
        raise BadAddress(f"holds the option {name[1] if name else ''!r}, which is not supported") from None
    except ValueError:
        raise BadAddress("is no Redis address") from None
    return pool


def place_of(url: str) -> str:
    """Return the address without user, password and options, for people."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def _check_plain(url: str) -> None:
    """Reject what redis-py would silently read as something else."""
    try:
        parts = urlsplit(url)
        has_place = bool(parts.path) if parts.scheme == "unix" else bool(parts.hostname)
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        raise BadAddress("is no Redis address") from None
    if not has_place or not is_port:
        raise BadAddress("is no Redis address")
    if parts.scheme != "unix" and not re.fullmatch(r"/?[0-9]{0,5}", parts.path):
        raise BadAddress("holds a database that is no number")


def _sentinel_pool(parts: _Parts, times: dict[str, Any]) -> ConnectionPool:
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        list(parts.hosts),
        sentinel_kwargs={**times, **parts.options, **({"ssl": True} if parts.is_encrypted else {})},
        **times,
        username=parts.username,
        password=parts.password,
        ssl=parts.is_encrypted,
    )
    pool = sentinels.master_for(parts.service, db=parts.database).connection_pool  # type: ignore[no-untyped-call]
    if not isinstance(pool, ConnectionPool):
        raise TypeError("redis-py returned no pool of connections")
    return pool


def _parts(scheme: str, rest: str) -> _Parts:
    """Split an address with several hosts, which `urlsplit` does not know. Raises BadAddress."""
    place, _, query = rest.partition("?")
    login, _, place = place.rpartition("@")
    hosts, _, path = place.partition("/")
    service, _, database = path.rstrip("/").partition("/")
    if not service or not re.fullmatch(r"[0-9]{0,5}", database):
        raise BadAddress("names Sentinels, but no service after the hosts")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - _OPTIONS.keys()):
        raise BadAddress(f"holds the option {unknown[0]!r}, which is not supported")
    user, has_password, password = login.partition(":")
    return _Parts(
        hosts=tuple(_host_and_port(host) for host in hosts.split(",")),
        service=unquote(service),
        database=int(database or 0),
        is_encrypted=_SENTINEL[scheme],
        username=unquote(user) or None,
        password=unquote(password) if has_password else None,
        options={_OPTIONS[name]: value for name, value in options.items()},
    )


def _host_and_port(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:\s]+))(?::(?P<port>[0-9]{1,5}))?", text)
    if found is None:
        raise BadAddress("names a Sentinel that is no host or host:port")
    return found["v6"] or found["host"], int(found["port"] or SENTINEL_PORT)
