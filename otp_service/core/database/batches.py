"""Deletes many rows in small transactions with pauses, so that requests do not notice."""

import time
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, delete, select, tuple_

from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.extensions import Base

ROWS = 500
LEAST_PAUSE_SECONDS = 0.01


def delete_in_batches(model: type[Base], *conditions: ColumnElement[bool]) -> int:
    """Delete the rows that meet the conditions, ROWS in one transaction; return how many. Needs no open transaction.

    An interrupted or a second run does no harm: the next run deletes what is left.
    """
    table = cast(Table, model.__table__)
    key = tuple_(*table.primary_key.columns)
    statement = select(*table.primary_key.columns).where(*conditions).order_by(*table.primary_key.columns).limit(ROWS)
    deleted, found = 0, fetch_all(statement)
    while found:
        started = time.monotonic()
        with transaction():
            # The conditions again: a row may have changed since it was read.
            deleted += int(execute(delete(table).where(_is_one_of(table, found), *conditions)).rowcount)
        if len(found) < ROWS:
            break
        # As long as the work took: on SQLite, which has one writer, half of the time stays for all others.
        time.sleep(max(LEAST_PAUSE_SECONDS, time.monotonic() - started))
        # From the last key on: a search from the start would read the rows that were just deleted each time.
        found = fetch_all(statement.where(key > tuple_(*found[-1])))
    return deleted


def _is_one_of(table: Table, rows: Any) -> ColumnElement[bool]:
    columns = list(table.primary_key.columns)
    if len(columns) == 1:
        return columns[0].in_([row[0] for row in rows])
    return tuple_(*columns).in_([tuple(row) for row in rows])
