"""Reads where the database is, in any of the usual spellings."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from otp_service.core.settings import Reader


def read_database_url(read: Reader, instance_dir: Path, *, production: bool) -> str:
    """SQLAlchemy 2.1 and psycopg 3 would claim a plain `postgresql://`, so the driver is always named."""
    text = read.secret("DATABASE_URL", default=None)
    if text is None and read.text("DB_HOST", default=""):
        return URL.create(
            "postgresql+psycopg2",
            username=read.text("DB_USER", default="postgres"),
            password=read.secret("DB_PASSWORD", default=None),
            host=read.text("DB_HOST", default=""),
            port=read.integer("DB_PORT", default=5432, low=1, high=65535),
            database=read.text("DB_NAME", default="otp_service"),
        ).render_as_string(hide_password=False)
    if text is None:
        if production:
            read.fault("DATABASE_URL", "is not set", "hold postgresql://user:password@host/name (or set DB_HOST ...)")
        return f"sqlite:///{(instance_dir / 'otp_service.db').absolute()}"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        return read.fault(
            "DATABASE_URL", "is no database address", "hold postgresql://user:password@host/name or sqlite:///path"
        )
    kind = url.drivername.split("+")[0]
    if kind in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
    if kind == "sqlite":
        return url.set(drivername="sqlite").render_as_string(hide_password=False)
    return read.fault("DATABASE_URL", f"names {kind!r}", "name postgresql or sqlite")
