"""The columns whose values are encrypted: marks them, and encrypts their values again after a change of keys.

A value is sealed for the context `<place>:<key of the row>` (see core.crypto.secrets). The place is the name of the
table and of the value, as the column declares it: `mapped_column(..., info=sealed("outbox_messages.to"))`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Table, func, select, update

from otp_service.core.crypto.secrets import Unreadable, keyring
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.extensions import Base

BATCH = 200
"""Rows in one transaction. On SQLite, which has one writer at a time, a request waits a few milliseconds for it."""

SAMPLE = 20
"""Values of each column that are looked at before a start."""

_PLACE = "sealed for"
_IS_VITAL = "sealed, and needed to serve"


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values, the key of its table, and the place that they are sealed for."""

    table: Table
    key: Column[Any]
    column: Column[Any]
    place: str

    def context(self, key: Any) -> str:
        """Return the context of the value in the row with this key."""
        return f"{self.place}:{key}"


@dataclass(frozen=True, slots=True)
class Batch:
    """How many values were read, how many were sealed again, and how many no key opens."""

    seen: int
    resealed: int
    unreadable: int


def sealed(place: str, *, is_vital: bool = True) -> dict[Any, Any]:
    """Return the `info` of a column whose values are sealed for `<place>:<key of the row>`.

    `is_vital=False` lets the service start although no key opens them.
    """
    return {_PLACE: place, _IS_VITAL: is_vital}


def all_sealed() -> list[SealedColumn]:
    """Return every sealed column of every table, in the order of the places."""
    found = [
        SealedColumn(table, next(iter(table.primary_key.columns)), column, column.info[_PLACE])
        for table in Base.metadata.tables.values()
        for column in table.columns
        if _PLACE in column.info
    ]
    return sorted(found, key=lambda one: one.place)


def find_unreadable() -> list[str]:
    """Return the places whose sampled values no key of ENCRYPTION_KEY opens: all of them, so the keys are wrong.

    A few values that a removed key sealed do not count: `flask keys rotate-encryption` names these.
    """
    return [place.place for place in all_sealed() if place.column.info[_IS_VITAL] and _is_unreadable(place)]


def _is_unreadable(place: SealedColumn) -> bool:
    columns = (place.key.label("key"), place.column.label("sealed"))
    sample = fetch_all(select(*columns).where(place.column.is_not(None)).limit(SAMPLE))
    return bool(sample) and all(_opened(place, row) is None for row in sample)


def count_outdated(place: SealedColumn) -> int:
    """Count the values that an older key sealed."""
    return int(fetch_all(select(func.count()).select_from(place.table).where(_is_outdated(place)))[0][0])


def reseal(place: SealedColumn) -> Iterator[Batch]:
    """Seal all values of a column with the newest key, batch by batch, while the service runs.

    An interrupted or a second run does no harm: the next run does what is left.
    """
    rows = read_outdated(place, after=None)
    while rows:
        yield reseal_batch(place, rows)
        rows = read_outdated(place, after=rows[-1].key)


def read_outdated(place: SealedColumn, *, after: Any) -> Sequence[Row[Any]]:
    """Return the next `key` and `sealed` that an older key sealed, in key order."""
    statement = select(place.key.label("key"), place.column.label("sealed")).where(_is_outdated(place))
    if after is not None:
        statement = statement.where(place.key > after)
    return fetch_all(statement.order_by(place.key).limit(BATCH))


def reseal_batch(place: SealedColumn, rows: Sequence[Row[Any]]) -> Batch:
    """Seal the values of some rows with the newest key."""
    opened = {row.key: value for row in rows if (value := _resealed(place, row)) is not None}
    with transaction():
        done = sum(_replace(place, row, opened[row.key]) for row in rows if row.key in opened)
    return Batch(seen=len(rows), resealed=done, unreadable=len(rows) - len(opened))


def _is_outdated(place: SealedColumn) -> ColumnElement[bool]:
    prefix = f"{keyring().newest_key_id}."
    return func.substr(place.column, 1, len(prefix)) != prefix  # NULL is not


def _opened(place: SealedColumn, row: Row[Any]) -> str | None:
    try:
        return keyring().open(row.sealed, context=place.context(row.key))
    except Unreadable:
        return None


def _resealed(place: SealedColumn, row: Row[Any]) -> str | None:
    opened = _opened(place, row)
    return None if opened is None else keyring().seal(opened, context=place.context(row.key))


def _replace(place: SealedColumn, row: Row[Any], value: str) -> int:
    # Only over the value that was read: what the service wrote meanwhile is newer, and stays.
    is_unchanged = (place.key == row.key) & (place.column == row.sealed)
    return int(execute(update(place.table).where(is_unchanged).values({place.column: value})).rowcount)
