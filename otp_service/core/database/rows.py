"""Rows as the person whom they are about may take them away."""

from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from otp_service.core.database.transactions import fetch_all
from otp_service.core.web.schema import camel_case


def rows_about(condition: ColumnElement[bool], *columns: InstrumentedAttribute[Any]) -> list[dict[str, Any]]:
    """The named columns of a person's rows, ready for JSON. What is not named stays: name no hash and no secret."""
    names = [camel_case(column.key) for column in columns]
    rows = fetch_all(select(*columns).where(condition).order_by(columns[0]))
    return [dict(zip(names, map(_plain, row), strict=True)) for row in rows]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
