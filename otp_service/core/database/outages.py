"""What an error says about the database: whether it is unavailable for now, in which state, and if to reconnect."""

import sqlite3
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from otp_service.core.database.bounded import NoResponse

DOWN = "down"
SILENT = "down: does not respond"
READ_ONLY = "read-only"
LOCKED = "locked"
DISK_FULL = "disk full"
BUSY = "busy: no connection is free"
CROWDED = "too many connections"
SLOW = "too slow"

REMEMBERED_SECONDS = 5.0

# SQLSTATE codes and classes of PostgreSQL, appendix A of its manual; SQLite's primary result codes.
_STATES: dict[str | int, str] = {
    "25006": READ_ONLY,
    "42501": "read-only: the user of the service may not write",
    "53100": DISK_FULL,
    "53200": "out of memory",
    "53300": CROWDED,
    "55P03": LOCKED,
    "57014": SLOW,
    "57P01": "down: shutting down",
    "57P02": "down: it crashed",
    "57P03": "down: starting or stopping",
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_FULL: DISK_FULL,
    sqlite3.SQLITE_CANTOPEN: "down: the file or its folder cannot be opened",
    sqlite3.SQLITE_IOERR: "down: the disk reports an error",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}
# The server is the wrong one, or about to end: its address may lead to another server by now.
_OF_THE_WRONG_SERVER = {"25006", "57P01", "57P02", "57P03", "57P04", "57P05"}
# SQLite looks at what it may do with a file when it opens it.
_OF_THE_OPEN_FILE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}


def is_unavailable(error: BaseException) -> bool:
    """Whether the database is away, read-only, locked, full or too busy: the statement is right, and may work later."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    # SQLite's driver has one class for a faulty statement and for a locked file; only the codes differ.
    if (code := _code(error)) == sqlite3.SQLITE_ERROR:
        return False
    return code in _STATES or error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def state_of(error: BaseException) -> str:
    """Return the state of the database that such an error shows."""
    if isinstance(error, PoolTimeout):
        return BUSY
    if isinstance(getattr(error, "orig", error), NoResponse):
        return SILENT
    return _STATES.get(_code(error) or "", DOWN)


def can_be_read(state: str) -> bool:
    """Whether a database in this state still responds to a question."""
    return not state.startswith((DOWN, BUSY, CROWDED, SLOW))


class _LastFullDisk:
    """When a write last found the disk full. No check but a real write notices that."""

    at = float("-inf")


def recent_state() -> str | None:
    """Return the state that a write found in the last seconds and that no check can find, or None."""
    return DISK_FULL if time.monotonic() - _LastFullDisk.at < REMEMBERED_SECONDS else None


def note(context: ExceptionContext) -> None:
    """Remember that a write found the disk full."""
    if state_of(context.original_exception) == DISK_FULL:
        _LastFullDisk.at = time.monotonic()


def reconnect_where_it_helps(context: ExceptionContext) -> None:
    """Have SQLAlchemy drop the connection and all others of the pool, if a new one may work where these do not.

    After a failover, the old server may live on as a replica. Its connections work, but take no writes. And a file of
    SQLite may be writable again.
    """
    code = _code(context.original_exception)
    if code in _OF_THE_WRONG_SERVER:
        context.is_disconnect = True
    elif code in _OF_THE_OPEN_FILE:
        context.is_disconnect = True
        if context.engine is not None:
            # All at once, and not each when it is needed next: the connections of a process share what they know of a
            # file, so one that stays open makes every new one read-only.
            context.engine.dispose()
            _repair_side_files(context.engine.url.database or "")


def _repair_side_files(database: str) -> None:
    """Give the files that belong to a file of SQLite its permissions.

    SQLite makes them like the file. Those made while it was read-only would keep it read-only for good.
    """
    for path in (Path(f"{database}-wal"), Path(f"{database}-shm")):
        with suppress(OSError):  # there is none, or it is another user's
            path.chmod(stat.S_IMODE(Path(database).stat().st_mode))


def _code(error: BaseException) -> str | int | None:
    cause: Any = getattr(error, "orig", error)
    number = getattr(cause, "sqlite_errorcode", None)
    # The low byte of an extended code of SQLite is the primary one.
    return getattr(cause, "pgcode", None) if number is None else int(number) & 0xFF
