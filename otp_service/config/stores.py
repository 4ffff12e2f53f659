"""Reads where the database is, in any of the usual spellings, and where request limits and jobs are shared."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from otp_service.config.reader import Reader
from otp_service.core import redis_pool

LONGEST_PREFIX = 100
_DRIVER = "postgresql+psycopg2"
_LEAST_CONNECT_TIMEOUT_SECONDS = 2  # libpq rounds up what is shorter; each attempt has a limit of ours above it
_PORT = "5432"
# The scheme, the user and the password, the hosts, and the rest.
_PARTS = re.compile(r"(?P<head>postgres(?:ql)?(?:\+\w+)?://(?:[^@]*@)?)(?P<hosts>[^/?]*)(?P<tail>.*)", re.DOTALL)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:]*)(?::(?P<port>[0-9]*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Without `redis_url`, each process counts requests by itself. All keys there begin with `redis_prefix`.

    `connection_options` are those of libpq that `database_url` does not have. `place` names the database for people,
    without a secret.
    """

    database_url: str = field(repr=False)
    connection_options: Mapping[str, str | int] = field(repr=False)
    place: str
    pool_size: int
    connect_seconds: float
    statement_seconds: float
    lock_seconds: float
    redis_url: str | None = field(repr=False)
    redis_prefix: str

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of one machine."""
        return self.database_url.startswith("sqlite")


def read_stores(read: Reader, instance_dir: Path) -> StoreSettings:
    """Read DATABASE_*, DB_* and REDIS_URL."""
    redis_url = _redis_url(read)
    url, hosts = _database(read, instance_dir)
    is_sqlite = url.drivername == "sqlite"
    connect_ms = read.integer("DATABASE_CONNECT_TIMEOUT_MS", default=2_000, low=100, high=60_000)
    statement_ms = read.integer("DATABASE_STATEMENT_TIMEOUT_MS", default=2_000, low=100, high=600_000)
    # SQLite has one writer at a time, so a burst of requests waits longer for it than for a lock of PostgreSQL.
    lock_ms = read.integer("DATABASE_LOCK_TIMEOUT_MS", default=2_000 if is_sqlite else 1_500, low=50, high=600_000)
    tcp_ms = read.integer("DATABASE_TCP_TIMEOUT_MS", default=3_000, low=1_000, high=600_000)
    options = {} if is_sqlite else {**hosts, **_connection_options(url, connect_ms=connect_ms, tcp_ms=tcp_ms)}
    return StoreSettings(
        database_url=url.render_as_string(hide_password=False),
        connection_options=MappingProxyType(options),
        place=_place(url, hosts),
        # SQLite's connections are open files, and its writers keep theirs while they wait for each other.
        pool_size=read.integer("DATABASE_POOL_SIZE", default=64 if is_sqlite else 16, low=1, high=200),
        connect_seconds=connect_ms / 1000,
        statement_seconds=statement_ms / 1000,
        lock_seconds=lock_ms / 1000,
        redis_url=redis_url or None,
        redis_prefix=_redis_prefix(read),
    )


def is_badly_encoded(address: str) -> bool:
    """Whether the password in an address contains a character that ends it early: what follows would show as a host."""
    return has_two_ats(address) or ("@" in address and "@" not in urlsplit(address.replace("[", "")).netloc)


def has_two_ats(address: str) -> bool:
    """Whether one @ at least stands in the password."""
    return address.count("@") > 1


def _fault_of_encoding(read: Reader, name: str) -> None:
    # No part of the value: any of it may belong to the password.
    read.fault(name, "has an @, /, ? or # in its password", "encode @ as %40, / as %2F, ? as %3F and # as %23")


def _redis_url(read: Reader) -> str:
    url = read.text("REDIS_URL", default="")
    if is_badly_encoded(url):
        _fault_of_encoding(read, "REDIS_URL")
    elif url:
        try:
            redis_pool.open_pool(url, timeout_seconds=1)
        except redis_pool.BadAddress as error:
            read.fault("REDIS_URL", str(error), redis_pool.FORM)
    return url


def _redis_prefix(read: Reader) -> str:
    """Read REDIS_PREFIX. Services with different issuers are different services: they share no count."""
    issuer = read.text("JWT_ISSUER", default="otp_service")
    prefix = read.text("REDIS_PREFIX", default=quote(issuer, safe="/:")[:LONGEST_PREFIX])
    if not re.fullmatch(r"[!-~]{1,100}", prefix):
        read.fault("REDIS_PREFIX", f"holds {prefix!r}", "hold 1 to 100 ASCII characters without blanks")
    return prefix


def _database(read: Reader, instance_dir: Path) -> tuple[URL, dict[str, str]]:
    """Return the address, and the hosts as libpq takes them if the address cannot hold them."""
    nowhere = URL.create("sqlite", database=str((instance_dir / "otp_service.db").absolute()))
    text = read.secret("DATABASE_URL", default=None)
    if text is None and read.text("DB_HOST", default=""):
        return _from_parts(read)
    if text is None:
        if read.production:
            read.fault("DATABASE_URL", "is not set", "hold postgresql://user:password@host/name (or set DB_HOST ...)")
        return nowhere, {}
    if not text.startswith("sqlite") and has_two_ats(text):
        _fault_of_encoding(read, "DATABASE_URL")
        return nowhere, {}
    found = _parsed(text)
    if found is None:
        may = "hold postgresql://user:password@host/name or sqlite:///path"
        read.fault("DATABASE_URL", "is no database address", may)
        return nowhere, {}
    kind = found[0].drivername.split("+")[0]
    if kind not in {"postgres", "postgresql", "sqlite"}:
        read.fault("DATABASE_URL", f"names {kind!r}", "name postgresql or sqlite")
        return nowhere, {}
    # SQLAlchemy 2.1 would take psycopg 3 for a plain `postgresql://`, so the driver is always named.
    return found[0].set(drivername="sqlite" if kind == "sqlite" else _DRIVER), found[1]


def _parsed(text: str) -> tuple[URL, dict[str, str]] | None:
    parts = _PARTS.fullmatch(text)
    hosts = {} if parts is None else _several(parts["hosts"].split(","))
    if hosts is None:
        return None
    try:
        url = make_url(f"{parts['head']}{parts['tail']}" if parts and hosts else text)
    except (ArgumentError, ValueError):  # the latter for a port that is not a number
        return None
    return url, hosts


def _several(written: list[str]) -> dict[str, str] | None:
    """Return several hosts or the folder of a socket as libpq takes them: empty for one host, None for a fault."""
    found = [_HOST.fullmatch(one) for one in written]
    if not all(found):
        return None
    hosts = [unquote(match["host"]).strip("[]") for match in found if match]
    if len(hosts) == 1 and not hosts[0].startswith("/"):
        return {}
    return {"host": ",".join(hosts), "port": ",".join(match["port"] or _PORT for match in found if match)}


def _from_parts(read: Reader) -> tuple[URL, dict[str, str]]:
    """Read DB_*. DB_HOST is one host, several with commas, or the folder of a socket."""
    host = read.text("DB_HOST", default="")
    port = read.integer("DB_PORT", default=int(_PORT), low=1, high=65535)
    names = [name.strip() for name in host.split(",")]
    is_plain = len(names) == 1 and not host.startswith("/")
    if "@" in host or "://" in host or not all(names):
        read.fault("DB_HOST", "is no host", "name one host, several with commas, or the folder of a socket")
    url = URL.create(
        _DRIVER,
        username=read.text("DB_USER", default="postgres"),
        password=read.secret("DB_PASSWORD", default=None),
        host=host if is_plain else None,
        port=port if is_plain else None,
        database=read.text("DB_NAME", default="otp_service"),
    )
    return url, {} if is_plain else {"host": ",".join(names), "port": ",".join([str(port)] * len(names))}


def _connection_options(url: URL, *, connect_ms: int, tcp_ms: int) -> dict[str, str | int]:
    """Return our options of libpq, without those that the operator wrote into the address."""
    seconds = max(1, tcp_ms // 1000)
    options: dict[str, str | int] = {
        "application_name": "otp_service",
        "connect_timeout": max(_LEAST_CONNECT_TIMEOUT_SECONDS, math.ceil(connect_ms / 1000)),
        # A connection that waits for the network ends after this time, one that waits for a response is probed.
        "tcp_user_timeout": tcp_ms,
        "keepalives_idle": seconds,
        "keepalives_interval": max(1, seconds // 2),
        "keepalives_count": 2,
    }
    return {name: value for name, value in options.items() if name not in url.query}


def _place(url: URL, hosts: Mapping[str, str]) -> str:
    """Name the database without the user, the password and the options, which may hold one."""
    if url.drivername == "sqlite":
        return f"sqlite:///{url.database or ''}"
    host = hosts.get("host") or url.host or "the local socket"
    port = f":{url.port}" if url.port else ""
    return f"{host}{port}/{url.database or ''}"
