"""Rows as values: which columns fill a dataclass, and what is rejected at import."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import insert

from otp_service.core.allowances import Counter
from otp_service.core.database.rows import Projection
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Count:
    """Fields in another order than the columns of the table, and one that is computed."""

    count: int
    subject: str
    is_even: bool


COUNTS = Projection(Count, Counter, is_even=Counter.count % 2 == 0)


def test_a_row_becomes_a_value_by_the_names_of_the_fields(app: Flask) -> None:
    with app.app_context():
        with transaction():
            execute(insert(Counter).values(name="test", subject="a", count=3, window_started_at=NOON))
            execute(insert(Counter).values(name="test", subject="b", count=4, window_started_at=NOON))

        found = COUNTS.find(fetch_one(COUNTS.select().where(Counter.subject == "a")))
        absent = COUNTS.find(fetch_one(COUNTS.select().where(Counter.subject == "c")))
        every = COUNTS.values(fetch_all(COUNTS.select().order_by(Counter.subject)))

    assert found == Count(count=3, subject="a", is_even=False)
    assert absent is None
    assert every == [found, Count(count=4, subject="b", is_even=True)]


def test_a_field_without_a_column_is_rejected() -> None:
    with pytest.raises(AttributeError, match="is_even"):
        Projection(Count, Counter)


def test_an_expression_without_a_field_is_rejected() -> None:
    with pytest.raises(TypeError, match="no fields of Count: is_odd"):
        Projection(Count, Counter, is_even=Counter.count % 2 == 0, is_odd=Counter.count % 2 == 1)
