"""Marks the columns whose values are encrypted, so that a change of keys finds every one of them.

What is sealed for a row is sealed for the context `<place>:<key of the row>` (see core.secrets); `place` is the
table's and the column's name, as the column says of itself: `mapped_column(..., info=sealed("outbox_messages.to"))`.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table

from otp_service.extensions import Base

_PLACE = "sealed for"


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values, the key of its table, and the place that they are sealed for."""

    table: Table
    key: Column[Any]
    column: Column[Any]
    place: str

    def context(self, key: Any) -> str:
        """What the value in the row with this key is bound to."""
        return f"{self.place}:{key}"


def sealed(place: str) -> dict[Any, Any]:
    """The `info` of a column whose values are sealed for `<place>:<key of the row>`."""
    return {_PLACE: place}


def all_sealed() -> list[SealedColumn]:
    """Every sealed column of every table, by its place."""
    found = [
        SealedColumn(table, next(iter(table.primary_key.columns)), column, column.info[_PLACE])
        for table in Base.metadata.tables.values()
        for column in table.columns
        if _PLACE in column.info
    ]
    return sorted(found, key=lambda one: one.place)
