"""In which state the database is, by name: whether it responds, takes writes, and stores every text (ADR 24)."""

import os
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from otp_service.core.database import outages
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.extensions import Base, db

UP = "up"
LOCK_WAIT_MILLISECONDS = 500
ENCODING = "UTF8"
FREE_BYTES = 1024 * 1024
"""With less space, a write is tried to know whether the disk is full."""

_UNDEFINED_TABLE = "42P01"
# The modes that conflict with a write (chapter 13.3 of PostgreSQL's manual).
_LOCKED_TABLES = text(
    "SELECT DISTINCT relation::regclass::text FROM pg_locks WHERE granted AND locktype = 'relation'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
)


def find() -> str:
    """Return `up`, or in a few words why the database cannot do its work. Waits a few seconds at most."""
    try:
        return _of_postgresql() if db.engine.dialect.name == "postgresql" else _of_sqlite()
    except SQLAlchemyError as error:
        return outages.state_of(error)


def _of_postgresql() -> str:
    facts = text("SELECT current_setting('server_encoding'), current_setting('transaction_read_only')")
    encoding, is_read_only = fetch_all(facts)[0]
    if encoding != ENCODING:
        return f"wrong encoding: {encoding} instead of {ENCODING}"
    try:
        _write_as_far_as_possible()
    except SQLAlchemyError as error:
        state = outages.state_of(error)
        if getattr(getattr(error, "orig", None), "pgcode", None) == _UNDEFINED_TABLE:
            # The schema is behind or ahead: the check of the migrations says so.
            return outages.READ_ONLY if is_read_only == "on" else UP
        return ": ".join(filter(None, (state, _locked_tables()))) if state == outages.LOCKED else state
    return outages.recent_state() or UP


def _write_as_far_as_possible() -> None:
    """Take the lock that a write takes on every table, and write no row. Each is refused where a write would be."""
    names = ", ".join(table.name for table in Base.metadata.sorted_tables)
    statements = (
        f"SET LOCAL lock_timeout = {LOCK_WAIT_MILLISECONDS}",
        f"LOCK TABLE {names} IN ROW EXCLUSIVE MODE",
        "UPDATE alembic_version SET version_num = version_num WHERE false",  # a replica refuses only this
    )
    with transaction():
        execute(text("; ".join(statements)))


def _locked_tables() -> str:
    ours = Base.metadata.tables.keys()
    return ", ".join(sorted(row[0] for row in fetch_all(_LOCKED_TABLES) if row[0] in ours))


def _of_sqlite() -> str:
    """Write no row, or one if the disk may be full. Waits less for the lock than a request does."""
    is_perhaps_full = _free_bytes() < FREE_BYTES
    with db.engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        (wait,) = driver.execute("PRAGMA busy_timeout").fetchone()
        driver.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_MILLISECONDS}")
        try:
            with connection.begin():
                # To take the lock is not enough: SQLite gives it for a file that it may only read.
                where = "" if is_perhaps_full else " WHERE false"
                connection.execute(text(f"UPDATE alembic_version SET version_num = version_num{where}"))  # noqa: S608
        except OperationalError as error:
            if outages.is_unavailable(error):
                raise
            return UP  # the table is missing: the check of the migrations says so
        finally:
            if not connection.invalidated:
                driver.execute(f"PRAGMA busy_timeout = {wait}")
    return outages.recent_state() or UP


def _free_bytes() -> int:
    """Return how much may be written to the disk of the file. A quota is not seen here, but by the next write."""
    disk = os.statvfs(os.path.dirname(db.engine.url.database or "") or ".")  # noqa: PTH120 - it may be no path
    return disk.f_frsize * (disk.f_bavail if os.geteuid() else disk.f_bfree)
