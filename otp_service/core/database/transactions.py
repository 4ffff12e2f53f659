"""Transactions and reads (ADR 3). Writes need `transaction()`; a read outside one keeps no connection."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

from flask import Flask
from sqlalchemy import DateTime, Dialect, Engine, Executable, Index, Row, UniqueConstraint, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, Pool, PoolResetState
from sqlalchemy.types import TypeDecorator

from otp_service.core.database import outages, put_off
from otp_service.core.database.bounded import Connector, Waits
from otp_service.core.database.put_off import Write
from otp_service.extensions import Base, db

_OPEN = "transaction is open"
_COMMITTED = "acts after the commit"
_LATER = "writes that were put off"
_LAST = "writes that end the transaction"
_NOTES = "what the transaction remembers"
_SINGLE = "one_statement_alone"
log = logging.getLogger(__name__)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time, also on SQLite, which has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Reject naive times: they come from a clock other than core.clock."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the database")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the time with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@contextmanager
def transaction() -> Iterator[Session]:
    """Join the open transaction, or open one: commit at the outermost level, roll back on any error.

    On SQLite it takes the write lock at once, because to upgrade a read lock fails under parallel writers.
    """
    session = db.session()
    if _OPEN in session.info:
        yield session  # the outermost block commits, so that an act and its audit row stand or fall together
        return
    session.info[_OPEN] = []
    repairs: list[Callable[[], object]] = []
    try:
        yield session
        _run_later_ones(session)
        session.commit()
        for act in session.info.get(_COMMITTED, ()):
            act()
    except BaseException:
        repairs = session.info[_OPEN]
        session.rollback()
        raise
    finally:
        del session.info[_OPEN]
        for name in (_COMMITTED, _LATER, _LAST, _NOTES):
            session.info.pop(name, None)
        session.close()  # the connection goes back at once: it must not be held while a provider is called (ADR 3)
        if repairs:
            _run(repairs)


def run_after_rollback(act: Callable[[], object]) -> None:
    """Have `act` called in a transaction of its own if the open one is rolled back. It repairs what a refusal found."""
    db.session().info[_OPEN].append(act)


def run_after_commit(act: Callable[[], object]) -> None:
    """Have `act` called once the open transaction is committed, and never if it is rolled back. It must not raise."""
    db.session().info.setdefault(_COMMITTED, []).append(act)


def _run(repairs: list[Callable[[], object]]) -> None:
    try:
        with transaction():
            for repair in repairs:
                repair()
    except SQLAlchemyError as error:
        log.warning("repair.failed", extra={"reason": type(error).__name__})  # the refusal is what the client must see


def execute(statement: Executable, parameters: Mapping[str, Any] | None = None) -> "CursorResult[Any]":
    """Run a writing statement in the open transaction; in a race, its `rowcount` says whether this request won.

    On a hot path, build the statement once (core.database.statements): to build it costs more than to run it (ADR 16).
    """
    session = db.session()
    if _OPEN not in session.info:
        raise RuntimeError("write inside `with transaction():`")
    if _NOTES in session.info:
        session.info[_NOTES].pop(getattr(getattr(statement, "table", None), "name", None), None)
    if session.info.get(_LATER) and put_off.may_carry(statement, db.engine.dialect):
        # What was put off travels with this statement, whose result is that of all.
        later = session.info.pop(_LATER)
        return put_off.run(session.connection(), [*later, (statement, parameters or {})])
    _run_later_ones(session, before=statement)
    return session.connection().execute(statement, parameters)


def execute_later(statement: Executable, parameters: Mapping[str, Any]) -> None:
    """Run a write whose result is not needed together with others like it, at the end of the open transaction.

    It runs sooner with a write of which only the row count or the counts are read, or if a statement names its table.
    """
    session = db.session()
    if _OPEN not in session.info:
        raise RuntimeError("write inside `with transaction():`")
    session.info.setdefault(_LATER, []).append((statement, parameters))


def execute_last(statement: Executable, parameters: Mapping[str, Any]) -> None:
    """Run a write after all others of the open transaction, in the same round trip as those that were put off.

    For rows that every request writes: they are locked for the commit alone, and in one order with all other rows.
    """
    session = db.session()
    if _OPEN not in session.info:
        raise RuntimeError("write inside `with transaction():`")
    session.info.setdefault(_LAST, []).append((statement, parameters))


def note_for_transaction(model: type[Base], value: Any) -> None:
    """Remember a row that the open transaction has locked: it need not be read again until a write to its table."""
    db.session().info.setdefault(_NOTES, {})[model.__tablename__] = value


def noted_for_transaction(model: type[Base]) -> Any:
    """Return the row of a table that the open transaction remembers, or None."""
    return db.session().info.get(_NOTES, {}).get(model.__tablename__) if _is_open() else None


def execute_alone(statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
    """Run a writing statement that is a transaction by itself, in one round trip, and return its rows.

    Use it for the most frequent writes. Writes that belong together need a transaction.
    """
    if _is_open():
        raise RuntimeError("a statement of its own inside a transaction: use `execute`")
    return _run_alone(statement, parameters)


def fetch_all(statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
    """Return all rows, read in the open transaction, else by a single statement that keeps no connection."""
    if _is_open():
        session = db.session()
        _run_later_ones(session, before=statement)
        return session.connection().execute(statement, parameters).all()
    return _run_alone(statement, parameters)


def fetch_one(statement: Executable, parameters: Mapping[str, Any] | None = None) -> Row[Any] | None:
    """Return the first row, or None."""
    rows = fetch_all(statement, parameters)
    return rows[0] if rows else None


def upsert(model: type[Base]) -> Any:
    """Return an INSERT that knows ON CONFLICT. SQLAlchemy compiles it at each run: on a hot path, use `text`."""
    return (postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert)(model)


def assert_no_transaction() -> None:
    """Raise RuntimeError inside a transaction: a call to a provider must not hold a connection."""
    if _is_open():
        raise RuntimeError("a provider is called inside a transaction: reserve, commit, call, record")


def wait_for_turn(name: str) -> None:
    """Wait for the open transactions that called this with the same name. SQLite queues all writers anyway.

    Call it before the transaction locks a row: then all wait in one order, which avoids a deadlock.
    """
    if db.engine.dialect.name == "postgresql":
        # A lock of the transaction: the commit or the end of the connection releases it, even after a crash.
        db.session().connection().execute(select(func.pg_advisory_xact_lock(_lock_of(name))))


def try_turn(name: str) -> bool:
    """Take the turn of `wait_for_turn` if no other open transaction has it; return whether this one has it now."""
    if db.engine.dialect.name != "postgresql":
        return True
    return bool(fetch_all(select(func.pg_try_advisory_xact_lock(_lock_of(name))))[0][0])


def _lock_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the violated unique constraint or index, on either database."""
    diagnostics = getattr(error.orig, "diag", None)
    if diagnostics is not None:
        return str(diagnostics.constraint_name)
    # SQLite names the columns only, so the constraint is the one with the same columns.
    prefix, _, columns = str(error.orig).partition("UNIQUE constraint failed: ")
    wanted = set(columns.split(", ")) if not prefix else set()
    for table in Base.metadata.tables.values():
        found: list[UniqueConstraint | Index] = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
        for unique in (*found, *(index for index in table.indexes if index.unique)):
            if {f"{table.name}.{column.name}" for column in unique.columns} == wanted:
                return str(unique.name)
    return None


def _is_open() -> bool:
    """Whether a transaction is open in this thread. The check does not create a session."""
    return db.session.registry.has() and _OPEN in db.session().info


def _run_later_ones(session: Session, *, before: Executable | None = None) -> None:
    """Run the writes that were put off; those before a statement only if it names one of their tables."""
    later: list[Write] = session.info.get(_LATER, [])
    if before is None:
        later = [*later, *session.info.get(_LAST, [])]
    if not later:
        return
    if before is not None:
        text = put_off.text_of(before, db.engine.dialect)
        tables = (table for statement, _ in later for table in put_off.tables_of(statement))
        if not any(table in text for table in tables):
            return
    session.info.pop(_LATER, None)
    put_off.run(session.connection(), later)


def _run_alone(statement: Executable, parameters: Mapping[str, Any] | None) -> Sequence[Row[Any]]:
    with _for_single_statements(db.engine).connect() as connection:
        if connection.dialect.name == "postgresql":
            # Not by SQLAlchemy's isolation level: to reset that, psycopg2 asks the server once more.
            driver_connection: Any = connection.connection.dbapi_connection
            driver_connection.autocommit = True
        return connection.execute(statement, parameters).all()


@lru_cache(maxsize=64)
def _for_single_statements(engine: Engine) -> Engine:
    """Return an engine that sends no BEGIN: one round trip on PostgreSQL, and no lock for a read on SQLite."""
    return engine.execution_options(**{_SINGLE: True})


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    """Leave transactions to us (the driver's are half automatic), enforce foreign keys, use a WAL."""
    if type(connection).__module__.split(".")[0] != "sqlite3":
        return
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # a code that was sent must be remembered after a power cut
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    # PostgreSQL has it. Here it takes several values, since SQLite makes text of bytes that are put together.
    connection.create_function("sha256", -1, _sha256, deterministic=True)


def _sha256(*parts: bytes | int) -> bytes:
    whole = b"".join(part if isinstance(part, bytes) else part.to_bytes(8, signed=True) for part in parts)
    return hashlib.sha256(whole).digest()


@contextmanager
def snapshot() -> Iterator[Connection]:
    """Open a connection whose reads all see the database as it is now. For commands: it holds the connection.

    It waits for no writer, and no writer waits for it.
    """
    engine = db.engine
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection
        return
    with _for_single_statements(engine).connect() as connection:
        connection.exec_driver_sql("BEGIN")  # not IMMEDIATE: a reader takes no lock in a WAL
        try:
            yield connection
        finally:
            connection.exec_driver_sql("ROLLBACK")


def init_engine(app: Flask, waits: Waits) -> None:
    """Begin the transactions of SQLite, and bound all waits. Listeners of PostgreSQL's statements would cost time."""
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        event.listen(engine, "begin", _begin_on_sqlite)
        event.listen(engine, "connect", partial(_wait_for_locks_of_sqlite, waits.lock))
    else:
        connector = Connector(waits)
        event.listen(engine, "do_connect", lambda _, __, arguments, options: connector(arguments, options))
    event.listen(engine, "handle_error", outages.reconnect_where_it_helps)
    event.listen(engine, "handle_error", outages.note)


def _wait_for_locks_of_sqlite(seconds: float, connection: Any, _: ConnectionPoolEntry) -> None:
    connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")


def _begin_on_sqlite(connection: Connection) -> None:
    if not connection.get_execution_options().get(_SINGLE, False):
        # IMMEDIATE takes the write lock: a read lock cannot be upgraded while another writer waits (ADR 3).
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@event.listens_for(Pool, "reset")
def _end_single_statements(driver_connection: Any, _: ConnectionPoolEntry, __: PoolResetState) -> None:
    """End autocommit, because the next user of the connection may want a transaction."""
    # SQLite's driver has a number here, which is not True.
    if getattr(driver_connection, "autocommit", None) is True:
        driver_connection.autocommit = False
