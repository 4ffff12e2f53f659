"""Rows as a feature declares them: as its dataclasses, in a person's export, and how long they are kept."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.orm import InstrumentedAttribute

from otp_service.core.database.transactions import fetch_all
from otp_service.core.text import camel_case
from otp_service.extensions import Base

V = TypeVar("V")


class Projection(Generic[V]):
    """A dataclass and the columns that fill it: `ACCOUNTS = Projection(Account, User)`.

    Each field takes the column of its name, or the expression that is given for it. This is settled at import, so a
    row becomes a value by position, at no cost, and a statement cannot name the columns in another order.
    """

    def __init__(self, kind: type[V], model: type[Base], **expressions: ColumnElement[Any]) -> None:
        """Raises AttributeError for a field without a column, TypeError for an expression without a field."""
        names = [field.name for field in fields(cast(Any, kind))]
        if unknown := expressions.keys() - set(names):
            raise TypeError(f"no fields of {kind.__name__}: {', '.join(sorted(unknown))}")
        self.columns = tuple(
            expressions[name].label(name) if name in expressions else getattr(model, name) for name in names
        )
        self._kind = kind

    def select(self) -> Select[Any]:
        """Return a SELECT of the columns."""
        return select(*self.columns)

    def value(self, row: Row[Any]) -> V:
        """Return the value of a row; columns that a statement adds at the end do not count."""
        return self._kind(*row[: len(self.columns)])

    def find(self, row: Row[Any] | None) -> V | None:
        """Return the value of a row, or None for no row."""
        return None if row is None else self.value(row)

    def values(self, rows: Iterable[Row[Any]]) -> list[V]:
        """Return the values of rows, in their order."""
        return [self._kind(*row) for row in rows]


def split_page(found: Sequence[V], size: int) -> tuple[list[V], V | None]:
    """Return the page of `size + 1` rows that were read, and its last row if another page follows."""
    return list(found[:size]), found[size - 1] if len(found) > size else None


@dataclass(frozen=True, slots=True)
class ExportPart:
    """A part of an export: its name there, the table that it shows, and the function that reads it for a user's id."""

    name: str
    table: str
    read: Callable[[int], Any]


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long one kind of row is kept.

    `forget` deletes the rows that ended before the given time and returns their number.
    """

    name: str
    kept_for: timedelta
    forget: Callable[[datetime], int]


def rows_about(condition: ColumnElement[bool], *columns: InstrumentedAttribute[Any]) -> list[dict[str, Any]]:
    """Return the named columns of a person's rows, ready for JSON. Name no hash and no secret."""
    names = [camel_case(column.key) for column in columns]
    rows = fetch_all(select(*columns).where(condition).order_by(columns[0]))
    return [dict(zip(names, map(_plain, row), strict=True)) for row in rows]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value  # a JSON number would lose decimals of an amount
