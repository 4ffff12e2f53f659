"""Encrypts under the newest key what an older one sealed, batch after batch, beside a running service.

Every value is written only over the one that was read, so what the service changes meanwhile stays, and a second or
an interrupted run does no harm: what is left is done by the next one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, update

from otp_service.core.crypto.secrets import Unreadable, keyring
from otp_service.core.database.sealed_columns import SealedColumn
from otp_service.core.database.transactions import execute, fetch_all, transaction

BATCH = 200
"""Rows in one transaction: on SQLite, where one writes at a time, a request waits a few milliseconds for it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """How many values were looked at, how many are sealed anew, and how many open with no key."""

    seen: int
    resealed: int
    unreadable: int


def count(place: SealedColumn) -> int:
    """How many values an older key sealed."""
    return int(fetch_all(select(func.count()).select_from(place.table).where(_is_old(place)))[0][0])


def reseal(place: SealedColumn) -> Iterator[Batch]:
    """Seal all values of a column with the newest key, a batch at a time."""
    rows = read(place, after=None)
    while rows:
        yield write(place, rows)
        rows = read(place, after=rows[-1].key)


def read(place: SealedColumn, *, after: Any) -> Sequence[Row[Any]]:
    """The next `key` and `sealed` that an older key sealed, in the order of the keys."""
    statement = select(place.key.label("key"), place.column.label("sealed")).where(_is_old(place))
    if after is not None:
        statement = statement.where(place.key > after)
    return fetch_all(statement.order_by(place.key).limit(BATCH))


def write(place: SealedColumn, rows: Sequence[Row[Any]]) -> Batch:
    """Seal what was read with the newest key, where it still is what was read."""
    anew = {row.key: sealed for row in rows if (sealed := _sealed_anew(place, row)) is not None}
    with transaction():
        done = sum(_replace(place, row, anew[row.key]) for row in rows if row.key in anew)
    return Batch(seen=len(rows), resealed=done, unreadable=len(rows) - len(anew))


def _is_old(place: SealedColumn) -> ColumnElement[bool]:
    """Sealed by another key than the newest; NULL is not."""
    prefix = f"{keyring().newest_key_id}."
    return func.substr(place.column, 1, len(prefix)) != prefix


def _sealed_anew(place: SealedColumn, row: Row[Any]) -> str | None:
    context = place.context(row.key)
    try:
        return keyring().seal(keyring().open(row.sealed, context=context), context=context)
    except Unreadable:
        return None


def _replace(place: SealedColumn, row: Row[Any], sealed: str) -> int:
    is_unchanged = (place.key == row.key) & (place.column == row.sealed)
    return int(execute(update(place.table).where(is_unchanged).values({place.column: sealed})).rowcount)
