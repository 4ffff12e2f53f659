"""Ends waits that began while a clock was ahead: else they would last as long as it was ahead."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, Table, update

from otp_service.core.database.transactions import execute, run_after_rollback

Times = tuple[str, ...]
"""Columns with times, as times or in milliseconds since 1970; the first one is when the row last counted."""

TOLERATED = timedelta(seconds=1)
"""Parallel requests arrive in another order than they read the clock."""


def repair(table: Table, key: Mapping[str, Any], row: RowMapping, times: Iterable[Times], now: datetime) -> None:
    """Move the times of a row back to now if they lie in the future. The counts stay: who waits, waits the full time.

    Needs an open transaction. The refusal that the caller is about to raise rolls it back, so the row is repaired again
    after that.
    """
    moved = {name: value for columns in times for name, value in _moved_back(row, columns, now).items()}
    if not moved:
        return
    # Only over the values that were read: what another request wrote meanwhile is newer, and stays.
    unchanged = [table.c[name] == row[name] for name in (*key, *moved)]
    statement = update(table).where(*unchanged).values(moved)
    execute(statement)
    run_after_rollback(lambda: execute(statement))


def _moved_back(row: RowMapping, columns: Times, now: datetime) -> dict[str, Any]:
    ahead = _time(row[columns[0]]) - now
    if ahead <= TOLERATED:
        return {}
    return {name: _earlier(row[name], ahead) for name in columns if _time(row[name]) > now}


def _time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.fromtimestamp(value / 1000, UTC)


def _earlier(value: Any, by: timedelta) -> Any:
    return value - by if isinstance(value, datetime) else value - math.ceil(by.total_seconds() * 1000)
