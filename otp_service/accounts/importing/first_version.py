"""Users from the database of this system's first version: PostgreSQL, table "Users", columns in camelCase."""

import re
from collections.abc import Iterator

from sqlalchemy import NullPool, column, create_engine, inspect, select, table
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchTableError, SQLAlchemyError

from otp_service.accounts.importing.records import Place, Record, SourceError

TABLE = "Users"
_REQUIRED = {"email": "email", "phoneNumber": "phone_number", "password": "password_hash"}
_OPTIONAL = {"isVerified": "is_verified", "createdAt": "created_at", "displayName": "display_name", "locale": "locale"}
_ROWS_AT_ONCE = 1_000


def read_first_version(address: str) -> Iterator[Record]:
    """The users in the order of their ids, as of one moment, by a cursor in a read-only transaction.

    Raises SourceError, which names neither user nor password of the database.
    """
    try:
        with _engine(address).connect() as connection:
            snapshot = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield from _read(snapshot)
    except (SQLAlchemyError, UnicodeDecodeError) as error:
        raise SourceError(f"the first version's database cannot be read: {_cause(error)}") from error


def _engine(address: str) -> Engine:
    try:
        url = make_url(address).set(drivername="postgresql+psycopg2")
    except (ArgumentError, ValueError):
        raise SourceError("SOURCE is no usable address of a PostgreSQL database") from None
    options = {"connect_timeout": 10, "application_name": "otp_service import"}
    return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=options)


def _read(connection: Connection) -> Iterator[Record]:
    found = _columns(connection)
    names = {**_REQUIRED, **{spelled: name for spelled, name in _OPTIONAL.items() if spelled in found}}
    statement = select(*map(column, names)).select_from(table(TABLE))
    has_id = "id" in found
    if has_id:
        statement = statement.add_columns(column("id")).order_by(column("id"))
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(statement)
    for number, row in enumerate(rows, start=1):
        place = Place("id", row.id if isinstance(row.id, int) else str(row.id)) if has_id else Place("row", number)
        values = zip(names.values(), row, strict=False)  # the id, when there, comes last and is no value
        yield Record(place, {name: value for name, value in values if value is not None})


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
    """The driver's own first line; what it says of a failed connection names host, port, user and database only."""
    text = str(getattr(error, "orig", None) or type(error).__name__).strip()
    return re.sub(r"\s+", " ", text.splitlines()[0] if text else type(error).__name__)
