"""The doctor's look at the stores: the database, its clock and its schema, and Redis."""

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

import redis
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from otp_service.core import clock
from otp_service.core.database.transactions import fetch_all, fetch_one, transaction
from otp_service.core.settings import settings
from otp_service.extensions import db
from otp_service.ops.findings import Finding, failed, ok, warning
from otp_service.ops.readiness import heads, known

CLOCKS_APART_WARNING_SECONDS = 2
CLOCKS_APART_FAILED_SECONDS = 30  # one step of an authenticator app
REDIS_TIMEOUT_SECONDS = 2
_SET_CLOCK = "Set the clocks of this machine and of the database by NTP."

# The version, whether it can be written, the time.
_ASK = {
    "postgresql": (
        "SELECT 'PostgreSQL ' || current_setting('server_version')",
        "SELECT current_setting('transaction_read_only') = 'off'",
        "SELECT clock_timestamp()",
    ),
    "sqlite": (
        "SELECT 'SQLite ' || sqlite_version()",
        "SELECT 1",  # the transaction has taken the write lock already
        "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
    ),
}


def check_database() -> Iterator[Finding]:
    """Whether it answers and can be written, its version; how far its clock is from ours; its schema."""
    place = db.engine.url.render_as_string(hide_password=True)
    version, is_writable, time = _ASK[db.engine.dialect.name]
    try:
        with transaction():
            server, can_write = _scalar(version), _scalar(is_writable)
            before = clock.now()
            theirs = _scalar(time)
            after = clock.now()
    except SQLAlchemyError as error:
        remedy = "Start it, or mend DATABASE_URL, its rights, its network."
        yield failed("database", f"{place}: {_reason(error)}", remedy)
        for name in ("clock", "migrations"):
            yield warning(name, "not compared: the database is away", "Run this again when it is back.")
        return
    if can_write:
        yield ok("database", f"{server} at {place}")
    else:
        yield failed("database", f"{server} at {place} is read-only", "Point DATABASE_URL at the primary server.")
    moment = theirs if isinstance(theirs, datetime) else datetime.fromisoformat(str(theirs))
    yield _compare_clocks(moment, before, after)
    yield _compare_schemas()


def check_redis() -> Iterator[Finding]:
    """Whether REDIS_URL, where it is set, names a server that takes a key."""
    url = settings().redis_url
    if url is None:
        yield ok("redis", "REDIS_URL is not set: each worker counts requests by itself")
        return
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=REDIS_TIMEOUT_SECONDS, socket_timeout=REDIS_TIMEOUT_SECONDS
        ) as client:
            client.set("otp_service:doctor", "1", ex=1)
            facts = client.info("server")
    except (redis.RedisError, ValueError, OSError) as error:
        remedy = "Start it, or mend REDIS_URL. Until then each worker counts requests by itself."
        yield failed("redis", f"{place}: {type(error).__name__}", remedy)
        return
    name = "Valkey" if facts.get("valkey_version") else "Redis"
    yield ok("redis", f"{name} {facts.get('valkey_version') or facts.get('redis_version')} at {place}")


def _compare_schemas() -> Finding:
    """Whether the schema is the one that this code was written for."""
    wanted = ", ".join(sorted(heads()))
    try:
        found = sorted(str(row[0]) for row in fetch_all(text("SELECT version_num FROM alembic_version")))
    except SQLAlchemyError:
        return failed("migrations", f"there are no tables; this code needs version {wanted}", "Run: flask db upgrade")
    if set(found) == heads():
        return ok("migrations", f"at head ({wanted})")
    if not set(found) <= known():
        detail = f"at version {', '.join(found)}, which is newer than this code's {wanted}"
        return warning("migrations", detail, "Fine while versions are exchanged; then install the newer code")
    detail = f"at version {', '.join(found) or 'none'}; this code needs {wanted}"
    return failed("migrations", detail, "Run: flask db upgrade")


def _compare_clocks(theirs: datetime, before: datetime, after: datetime) -> Finding:
    """Their time was read somewhere between `before` and `after`."""
    apart = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0)
    ahead = "behind" if theirs < before else "ahead of"
    if apart > CLOCKS_APART_FAILED_SECONDS:
        return failed("clock", f"the database's is {apart:.0f} s {ahead} this machine's", _SET_CLOCK)
    if apart > CLOCKS_APART_WARNING_SECONDS:
        return warning("clock", f"the database's is {apart:.1f} s {ahead} this machine's", _SET_CLOCK)
    return ok("clock", f"{apart:.1f} s apart from the database's")


def _scalar(statement: str) -> object:
    row = fetch_one(text(statement))
    return row[0] if row else None


def _reason(error: SQLAlchemyError) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return " ".join(lines[0].split()) if lines else type(error).__name__
