"""The sources of users: a CSV or JSON-lines stream, or the database of the first version.

The first version of this system kept its users in PostgreSQL, in a table "Users" with columns in camelCase.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from sqlalchemy import NullPool, column, create_engine, inspect, select, table
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchTableError, SQLAlchemyError

from otp_service.accounts.importing.columns import Fault, Place, Row, SourceError
from otp_service.accounts.importing.files import read_csv, read_json_lines, read_lines

TABLE = "Users"
_REQUIRED = {"email": "email", "phoneNumber": "phone_number", "password": "password_hash"}
_OPTIONAL = {"isVerified": "is_verified", "createdAt": "created_at", "displayName": "display_name", "locale": "locale"}
_ROWS_AT_ONCE = 1_000
_ADDRESS = re.compile(r"(?P<kind>[A-Za-z][A-Za-z0-9+.-]*)://")
_POSTGRESQL = ("postgres", "postgresql", "postgresql+psycopg2")


@dataclass(frozen=True, slots=True)
class Source:
    """Users, readable once. `kind` is `csv`, `jsonl` or `database`."""

    kind: str
    items: Iterator[Row | Fault]


def is_database(name: str) -> bool:
    """Return whether SOURCE is a URL and not a path."""
    return _ADDRESS.match(name) is not None


def from_database(address: str) -> Source:
    """Read the users of the first version's database. Raises SourceError for a URL that is not PostgreSQL's."""
    found = _ADDRESS.match(address)
    if found is None or found["kind"] not in _POSTGRESQL:
        raise SourceError("only postgresql:// addresses can be read; export other databases to CSV or JSON lines")
    return Source("database", read_first_version(address))


def from_stream(stream: BinaryIO, *, kind: str | None) -> Source:
    """Read the users of a `csv` or `jsonl` stream. Without `kind`, a leading brace means JSON lines."""
    lines = read_lines(stream)
    first = next((line for line in lines if line.fault or line.text.strip()), None)
    if kind is None:
        kind = "jsonl" if first is not None and first.text.lstrip().startswith("{") else "csv"
    lines = itertools.chain([first] if first else [], lines)
    return Source(kind, read_json_lines(lines) if kind == "jsonl" else read_csv(lines))


def read_first_version(address: str) -> Iterator[Row]:
    """Read the users in the order of their ids, in bounded memory. Raises SourceError without the password."""
    try:
        with _engine(address).connect() as connection:
            # One snapshot for all batches: the old service may still be running and changing users.
            snapshot = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield from _read(snapshot)
    except (SQLAlchemyError, UnicodeDecodeError) as error:
        raise SourceError(f"the first version's database cannot be read: {_cause(error)}") from error


def _engine(address: str) -> Engine:
    try:
        url = make_url(address).set(drivername="postgresql+psycopg2")
    except (ArgumentError, ValueError):
        raise SourceError("SOURCE is not a valid address of a PostgreSQL database") from None
    options = {"connect_timeout": 10, "application_name": "otp_service import"}
    return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=options)


def _read(connection: Connection) -> Iterator[Row]:
    found = _columns(connection)
    names = {**_REQUIRED, **{spelled: name for spelled, name in _OPTIONAL.items() if spelled in found}}
    statement = select(*map(column, names)).select_from(table(TABLE))
    has_id = "id" in found
    if has_id:
        statement = statement.add_columns(column("id")).order_by(column("id"))
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(statement)
    for number, row in enumerate(rows, start=1):
        place = Place("id", row.id if isinstance(row.id, int) else str(row.id)) if has_id else Place("row", number)
        values = zip(names.values(), row, strict=False)  # the id comes last and is not a value
        yield Row(place, {name: value for name, value in values if value is not None})


def _columns(connection: Connection) -> set[str]:
    try:
        found = {described["name"] for described in inspect(connection).get_columns(TABLE)}
    except NoSuchTableError as error:
        raise SourceError(f'there is no table "{TABLE}" in the search path of that database') from error
    missing = [name for name in _REQUIRED if name not in found]
    if missing:
        raise SourceError(f'the table "{TABLE}" has no column {", ".join(missing)}')
    return found


def _cause(error: Exception) -> str:
    """Return the driver's first line. For a failed connection it names host, port, user and database only."""
    text = str(getattr(error, "orig", None) or type(error).__name__).strip()
    return re.sub(r"\s+", " ", text.splitlines()[0] if text else type(error).__name__)
