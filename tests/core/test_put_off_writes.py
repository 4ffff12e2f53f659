"""Writes that are put off: all or none of them, in order, and before any statement that could see them missing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from otp_service.audit.models import AuditEvent
from otp_service.core import clock
from otp_service.core.allowances import Counter
from otp_service.core.database.statements import prepared_insert
from otp_service.core.database.transactions import execute, execute_later, fetch_all, transaction

NOON = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)
MODULUS = "100 % of %(it)s; -- 'quoted'"
_add = prepared_insert(Counter)
_tell = prepared_insert(AuditEvent)


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    """The database of the application, as a command would use it."""
    with app.app_context():
        yield


def add_later(subject: str) -> None:
    execute_later(*_add(name="put off", subject=subject, count=1, window_started_at=NOON))


def tell_later(facts: dict[str, Any]) -> None:
    row = {"at": clock.now(), "event": "put.off", "user_id": None, "ip": "", "agent": MODULUS, "request_id": None}
    execute_later(*_tell(**row, facts=facts))


def counters() -> list[tuple[str, int, datetime]]:
    statement = select(Counter.subject, Counter.count, Counter.window_started_at).where(Counter.name == "put off")
    return [tuple(row) for row in fetch_all(statement.order_by(Counter.subject))]


def test_they_are_written_with_the_commit_whatever_their_values() -> None:
    with transaction():
        add_later("one")
        tell_later({"why": MODULUS})
        add_later("two")

    told = fetch_all(select(AuditEvent.agent, AuditEvent.facts).where(AuditEvent.event == "put.off"))
    assert counters() == [("one", 1, NOON), ("two", 1, NOON)]
    assert [tuple(row) for row in told] == [(MODULUS, {"why": MODULUS})]


def test_a_rollback_takes_them_back() -> None:
    def fail() -> None:
        with transaction():
            add_later("one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert counters() == []
    with transaction():
        pass
    assert counters() == []


def test_a_statement_that_names_their_table_finds_them_written() -> None:
    with transaction():
        add_later("one")
        assert [row[0] for row in counters()] == ["one"]
        execute(delete(Counter).where(Counter.subject == "one"))
        add_later("one")

    assert [row[0] for row in counters()] == ["one"]


def test_a_write_that_takes_them_along_has_its_own_row_count() -> None:
    with transaction():
        execute(insert(Counter).values(name="put off", subject="one", count=1, window_started_at=NOON))
    raised = update(Counter).where(Counter.name == "put off", Counter.count == 1).values(count=2)

    with transaction():
        tell_later({})
        tell_later({})
        first = execute(raised).rowcount
        tell_later({})
        second = execute(raised).rowcount

    assert (first, second) == (1, 0)
    assert len(fetch_all(select(AuditEvent.id).where(AuditEvent.event == "put.off"))) == 3


def test_one_that_fails_takes_all_back_and_its_error_shows_no_value() -> None:
    def fail() -> None:
        with transaction():
            tell_later({"secret": "Correct-Horse-7"})
            add_later("one")
            add_later("one")

    with pytest.raises(IntegrityError) as failed:
        fail()

    assert "Correct-Horse-7" not in str(failed.value)
    assert counters() == []
    assert fetch_all(select(AuditEvent.id).where(AuditEvent.event == "put.off")) == []
