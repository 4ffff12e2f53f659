"""Connections to PostgreSQL whose every wait ends (ADR 24).

PostgreSQL ends long statements and lock waits by itself. A server that is frozen or cut off cannot, and its kernel goes
on answering for it, so a thread here watches all statements and cuts the connections of those that are late.

The driver would send BEGIN by itself, in a round trip of its own. Here it travels with the first statement, together
with the time-outs where a pooler such as PgBouncer shares the server's connections between transactions.
"""

import itertools
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, ISOLATION_LEVEL_READ_COMMITTED
from psycopg2.extensions import connection as DriverConnection  # noqa: N812 - the driver's own spelling
from psycopg2.extensions import cursor as DriverCursor  # noqa: N812

LOOKS_EVERY_SECONDS = 0.1
GRACE_SECONDS = 0.2
"""PostgreSQL has this much longer than its own time-out to say that a statement timed out."""

PAUSE_SECONDS = 0.5
"""The pause between two attempts to connect to a server that does not respond."""

SLOW_SECONDS = 1.0
"""An attempt that failed later than this counts as one without a response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long to wait for PostgreSQL, in seconds."""

    connect: float
    statement: float
    lock: float


LEAST_SECONDS = 0.2


class NoResponse(psycopg2.OperationalError):  # type: ignore[misc]
    """The server did not respond in time."""


class Outage:
    """Whether the server has stopped to respond. Then one thread at a time tries to connect, and all others fail fast.

    Without it, every request would hold a thread until its own wait ends, and leave none for anything else.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_on = False
        self._next_try_at = 0.0

    def note(self, *, is_on: bool, pause_seconds: float = 0.0) -> None:
        """Note whether the server responded, and how long to wait before the next attempt to connect."""
        with self._lock:
            self._is_on = is_on
            self._next_try_at = time.monotonic() + pause_seconds

    def admit(self, *, seconds: float) -> None:
        """Let this thread connect, which takes at most `seconds`. Raises NoResponse if it may not."""
        if not self._is_on:
            return
        with self._lock:
            now = time.monotonic()
            if self._is_on and now < self._next_try_at:
                raise NoResponse("the database does not respond, and another request asks it already")
            self._next_try_at = now + seconds + PAUSE_SECONDS


class Line:
    """A second descriptor of a connection's socket.

    The number of the driver's own may belong to another socket by the time that the watch cuts this one.
    """

    def __init__(self, descriptor: int) -> None:
        self._lock = threading.Lock()
        self._descriptor: int | None = os.dup(descriptor)

    def cut(self) -> None:
        """End the connection for both sides."""
        with self._lock:
            if self._descriptor is not None:
                copy = socket.socket(fileno=os.dup(self._descriptor))
                with copy, suppress(OSError):  # it may have ended by itself
                    copy.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close this descriptor, once."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


class BoundedConnection(DriverConnection):  # type: ignore[misc]
    """A connection of the driver that is begun with its first statement and cut when the server is late.

    `autocommit` means that each statement is a transaction by itself. The driver is always in its own autocommit mode,
    so that it sends no BEGIN.
    """

    wait_seconds = 0.0  # 0 for as long as it takes
    outage = Outage()
    _limits = ""
    _is_begun = False
    _is_single = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _DRIVER_AUTOCOMMIT.__set__(self, True)
        self.cursor_factory = BoundedCursor
        self._line = Line(self.fileno())

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction by itself."""
        return self._is_single

    @autocommit.setter
    def autocommit(self, is_single: bool) -> None:
        self._is_single = is_single

    def set_isolation_level(self, level: Any) -> None:
        """Choose between transactions and single statements, in the driver's terms."""
        if level not in {ISOLATION_LEVEL_AUTOCOMMIT, ISOLATION_LEVEL_READ_COMMITTED}:
            raise NotImplementedError("transactions are READ COMMITTED")
        self._is_single = level == ISOLATION_LEVEL_AUTOCOMMIT

    def limit(self, waits: Waits, outage: Outage, *, within_seconds: float) -> None:
        """Bound all waits from now on. Asks the server once or twice, in the given time each. Raises psycopg2.Error."""
        self.outage, self.wait_seconds = outage, within_seconds
        limits = (("statement_timeout", waits.statement), ("lock_timeout", waits.lock))
        self._is_single = True
        with self.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            # A pooler made up the number that came with the connection. Then a setting of the session would reach
            # other clients of the pooler and not the next transaction, which may run on another server connection.
            if cursor.fetchone() == (self.info.backend_pid,):
                cursor.execute("; ".join(f"SET {name} = {seconds * 1000:.0f}" for name, seconds in limits))
            else:
                self._limits = "".join(f"SET LOCAL {name} = {seconds * 1000:.0f}; " for name, seconds in limits)
        self._is_single = False
        self.wait_seconds = waits.statement + GRACE_SECONDS

    def opening(self) -> str:
        """Return what the next statement has to be sent behind."""
        if self._is_begun:
            return ""
        if self._is_single:
            return self._limits  # of several statements in one message, the server makes one transaction
        self._is_begun = True
        return "BEGIN; " + self._limits

    def commit(self) -> None:
        """Commit the transaction, if a statement began one."""
        self._end("COMMIT")

    def rollback(self) -> None:
        """Roll the transaction back, if a statement began one."""
        self._end("ROLLBACK")

    def cut(self) -> None:
        """Make the thread that waits for a response find the end of the connection."""
        self._line.cut()

    def close(self) -> None:
        """Close the connection."""
        super().close()
        self._line.close()

    def _end(self, statement: str) -> None:
        if self._is_begun:
            with self.cursor() as cursor:
                cursor.execute(statement)
        self._is_begun = False


_DRIVER_AUTOCOMMIT: Any = DriverConnection.autocommit


class BoundedCursor(DriverCursor):  # type: ignore[misc]
    """A cursor whose statements begin the transaction and are watched."""

    connection: BoundedConnection

    def execute(self, query: Any, parameters: Any = None) -> None:
        """Run a statement. Raises NoResponse when the server is late."""
        connection = self.connection
        ticket = _watch.start(connection)
        try:
            super().execute(connection.opening() + query, parameters)
        except psycopg2.Error as error:
            if _watch.end(ticket):
                raise
            # Without a pause: a statement may also be late because a pooler had no connection for it.
            connection.outage.note(is_on=True)
            raise NoResponse(f"the database did not respond within {connection.wait_seconds:.1f} s") from error
        else:
            _watch.end(ticket)

    def executemany(self, query: Any, rows: Any) -> None:
        """Run a statement for each row."""
        for row in rows:
            self.execute(query, row)


_UNWATCHED = 0


class Watch:
    """One thread watches all statements of a process. It starts with the first one, also after a fork."""

    def __init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        """Watch no statement, without a thread."""
        self._tickets = itertools.count(1)
        self._running: dict[int, tuple[float, BoundedConnection]] = {}
        self._lock = threading.Lock()
        self._has_work = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, connection: BoundedConnection) -> int:
        """Watch a statement; return its ticket."""
        if not connection.wait_seconds:
            return _UNWATCHED
        ticket = next(self._tickets)
        self._running[ticket] = (time.monotonic() + connection.wait_seconds, connection)
        if self._thread is None:
            self._begin()
        if not self._has_work.is_set():
            self._has_work.set()
        return ticket

    def end(self, ticket: int) -> bool:
        """End the watch over a statement. Returns False if its connection was cut."""
        # To take an entry out of a dictionary is atomic: either the statement or the watch gets it.
        return self._running.pop(ticket, None) is not None or ticket == _UNWATCHED

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="database-watch", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        while True:
            self._has_work.wait()
            self._has_work.clear()
            while self._running:
                time.sleep(LOOKS_EVERY_SECONDS)
                self._cut_the_late()

    def _cut_the_late(self) -> None:
        now = time.monotonic()
        for ticket, (due, connection) in list(self._running.items()):
            if due <= now and self._running.pop(ticket, None) is not None:
                connection.cut()


_watch = Watch()
os.register_at_fork(after_in_child=_watch.start_over)  # the thread stayed with the parent


class Connector:
    """Connects in bounded time. One for each engine."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._outage = Outage()
        self._late: queue.SimpleQueue[BoundedConnection] = queue.SimpleQueue()

    def __call__(self, arguments: list[Any], options: dict[str, Any]) -> BoundedConnection:
        """Return a new connection. Raises psycopg2.OperationalError if there is none in time."""
        self._outage.admit(seconds=self._waits.connect + LEAST_SECONDS)
        started = time.monotonic()
        try:
            connection = self._connect(lambda: psycopg2.connect(*arguments, **_OF_OURS, **options))
            # A pooler accepts a connection while its server is frozen: both waits together have the time of one.
            left = self._waits.connect - (time.monotonic() - started)
            connection.limit(self._waits, self._outage, within_seconds=max(LEAST_SECONDS, left))
        except psycopg2.Error:
            # A server that refuses does so at once, and may accept at once when it is back.
            is_on = time.monotonic() - started >= min(SLOW_SECONDS, self._waits.connect)
            self._outage.note(is_on=is_on, pause_seconds=PAUSE_SECONDS)
            raise
        self._outage.note(is_on=False)
        return connection

    def _connect(self, make: Callable[[], BoundedConnection]) -> BoundedConnection:
        """Wait for another thread: the driver takes the whole time for each address, and any time for a name."""
        with suppress(queue.Empty):
            return self._late.get_nowait()
        attempt = _Attempt(make, late=self._late)
        threading.Thread(target=attempt.run, name="database-connect", daemon=True).start()
        return attempt.result(self._waits.connect)


_OF_OURS: dict[str, Any] = {"connection_factory": BoundedConnection}


class _Attempt:
    """A connection that one thread makes and another one waits for."""

    def __init__(self, make: Callable[[], BoundedConnection], *, late: "queue.SimpleQueue[BoundedConnection]") -> None:
        self._make = make
        self._late = late
        self._lock = threading.Lock()
        self._is_awaited = True
        self._results: queue.SimpleQueue[BoundedConnection | Exception] = queue.SimpleQueue()

    def run(self) -> None:
        """Connect, and hand the connection over."""
        result: BoundedConnection | Exception
        try:
            result = self._make()
        except Exception as error:  # noqa: BLE001 - it is raised in the thread that waits
            result = error
        with self._lock:
            if self._is_awaited:
                self._results.put(result)
            elif isinstance(result, BoundedConnection):
                # Of several hosts, the first one that does not respond uses up the time: the next request takes this.
                self._late.put(result)

    def result(self, seconds: float) -> BoundedConnection:
        """Return the connection. Raises NoResponse if it takes longer, or what the attempt raised."""
        try:
            result = self._results.get(timeout=seconds)
        except queue.Empty:
            with self._lock:
                self._is_awaited = False
                if self._results.empty():
                    raise NoResponse(f"the database accepted no connection within {seconds:.1f} s") from None
                result = self._results.get()
        if isinstance(result, Exception):
            raise result
        return result
