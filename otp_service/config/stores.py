"""Reads where the database is, in any of the usual spellings, and where request limits and jobs are shared."""

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from otp_service.config.reader import Reader, split_address


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Without `redis_url`, each process counts requests by itself, and jobs are kept in a file."""

    database_url: str = field(repr=False)
    pool_size: int
    redis_url: str | None = field(repr=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of one machine."""
        return self.database_url.startswith("sqlite")


def read_stores(read: Reader, instance_dir: Path) -> StoreSettings:
    """Read DATABASE_*, DB_* and REDIS_URL."""
    redis_url = read.text("REDIS_URL", default="")
    parts = split_address(redis_url)
    if redis_url and (parts is None or parts.scheme not in {"redis", "rediss", "unix"}):
        read.fault("REDIS_URL", "is no Redis address", "hold redis://host:port/0, rediss://... or unix:///path")
    database_url = _database_url(read, instance_dir)
    # SQLite's connections are open files, and its writers keep theirs while they wait for each other.
    pool_size = 64 if database_url.startswith("sqlite") else 16
    return StoreSettings(
        database_url=database_url,
        pool_size=read.integer("DATABASE_POOL_SIZE", default=pool_size, low=1, high=200),
        redis_url=redis_url or None,
    )


def _database_url(read: Reader, instance_dir: Path) -> str:
    text = read.secret("DATABASE_URL", default=None)
    if text is None and read.text("DB_HOST", default=""):
        return _from_parts(read)
    if text is None:
        if read.production:
            read.fault("DATABASE_URL", "is not set", "hold postgresql://user:password@host/name (or set DB_HOST ...)")
        return f"sqlite:///{(instance_dir / 'otp_service.db').absolute()}"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # the latter for a port that is not a number
        return read.fault(
            "DATABASE_URL", "is no database address", "hold postgresql://user:password@host/name or sqlite:///path"
        )
    kind = url.drivername.split("+")[0]
    if kind in {"postgres", "postgresql"}:
        # SQLAlchemy 2.1 would take psycopg 3 for a plain `postgresql://`, so the driver is always named.
        return url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
    if kind == "sqlite":
        return url.set(drivername="sqlite").render_as_string(hide_password=False)
    return read.fault("DATABASE_URL", f"names {kind!r}", "name postgresql or sqlite")


def _from_parts(read: Reader) -> str:
    return URL.create(
        "postgresql+psycopg2",
        username=read.text("DB_USER", default="postgres"),
        password=read.secret("DB_PASSWORD", default=None),
        host=read.text("DB_HOST", default=""),
        port=read.integer("DB_PORT", default=5432, low=1, high=65535),
        database=read.text("DB_NAME", default="otp_service"),
    ).render_as_string(hide_password=False)
