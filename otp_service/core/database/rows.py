"""Rows as a feature declares them: how they appear in a person's export, and how long they are kept."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from otp_service.core.database.transactions import fetch_all
from otp_service.core.web.schema import camel_case


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
    return str(value) if isinstance(value, Decimal) else value
