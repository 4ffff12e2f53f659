"""Runs several writes in one round trip where the database can (ADR 16)."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import CursorResult, Dialect, Executable, TextClause, UpdateBase
from sqlalchemy.engine import Connection

from otp_service.extensions import Base

Write = tuple[Executable, Mapping[str, Any]]
"""A statement whose result is not needed, and its values."""

_Bind = Callable[[Any], Any]
_LIST = "[POSTCOMPILE_"
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def run(connection: Connection, writes: Sequence[Write]) -> CursorResult[Any]:
    """Run all writes, in their order, and return the result of the last one.

    PostgreSQL gets them as one text with the values of all.
    """
    if connection.dialect.name != "postgresql" or len(writes) == 1:
        return [connection.execute(statement, values) for statement, values in writes][-1]
    texts: list[str] = []
    together: dict[str, Any] = {}
    for number, (statement, values) in enumerate(writes):
        sql, given = _as_driver_takes(connection.dialect, statement, values)
        texts.append(_PLACEHOLDER.sub(rf"%({number}_\1)s", sql))
        together |= {f"{number}_{name}": value for name, value in given.items()}
    # Values apart from the text: an error shows the text.
    return connection.exec_driver_sql(";\n".join(texts), together)


def may_carry(statement: Executable, dialect: Dialect) -> bool:
    """Whether a statement's result is the same from the driver: its row count, or the numbers that a text returns.

    One with a list of values is not: SQLAlchemy completes it when it runs.
    """
    is_plain = isinstance(statement, TextClause) or (isinstance(statement, UpdateBase) and not statement._returning)
    return is_plain and _LIST not in text_of(statement, dialect)


@lru_cache(maxsize=512)
def text_of(statement: Executable, dialect: Dialect) -> str:
    """Return a statement's SQL, to see which tables it names."""
    return str(statement.compile(dialect=dialect))  # type: ignore[attr-defined]


@lru_cache(maxsize=512)
def tables_of(statement: Executable) -> tuple[str, ...]:
    """Return the name of the table that a write changes; for text, every name of a table in it."""
    table = getattr(statement, "table", None)
    if table is not None:
        return (str(table.name),)
    return tuple(name for name in Base.metadata.tables if name in str(statement))


def _as_driver_takes(dialect: Dialect, statement: Executable, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    sql, defaults, binds = _compiled(statement, dialect, frozenset(values))
    given = {**defaults, **values}
    return sql, {name: bind(given[name]) if bind else given[name] for name, bind in binds.items()}


@lru_cache(maxsize=512)
def _compiled(
    statement: Executable, dialect: Dialect, names: frozenset[str]
) -> tuple[str, dict[str, Any], dict[str, _Bind | None]]:
    """Compile once. Returns the SQL, the values that the statement itself has, and what makes values the driver's."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=sorted(names))  # type: ignore[attr-defined]
    binds = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()}
    defaults = {name: bind.effective_value for name, bind in compiled.binds.items()}
    return str(compiled), defaults, binds
