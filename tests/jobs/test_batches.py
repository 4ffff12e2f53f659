"""Deleting many old rows: in small transactions, only what is old, and only while the clocks agree."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, insert, select, text

from otp_service import audit
from otp_service.audit import COMMAND_LINE
from otp_service.audit.models import AuditEvent
from otp_service.core import allowances, clock
from otp_service.core.allowances import Counter
from otp_service.core.database import batches
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.core.errors import TooMany
from otp_service.extensions import Base, db
from otp_service.jobs import retention
from tests.conftest import MakeApp, Time

ROWS = 2 * batches.ROWS + 1
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def context(app: Flask) -> Any:
    """The database of the application, as a command would use it."""
    with app.app_context():
        yield


def count(model: type[Base]) -> int:
    return int(fetch_all(select(func.count()).select_from(model))[0][0])


def add_counters(number: int, *, days_old: int) -> None:
    opened = clock.now() - days_old * DAY
    with transaction():
        for name in ("a", "b"):  # a key of two columns
            rows = [
                {"name": name, "subject": f"{days_old} {n:05}", "count": 1, "window_started_at": opened}
                for n in range(number // 2 + (number % 2) * (name == "a"))
            ]
            execute(insert(Counter).values(rows))


def deletions_seen() -> list[int]:
    """Note how many rows each DELETE takes."""
    seen: list[int] = []

    def note(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith("DELETE"):
            seen.append(cursor.rowcount)

    event.listen(db.engine, "after_cursor_execute", note)
    return seen


def test_old_rows_go_in_small_transactions_and_young_ones_stay(app: Flask) -> None:
    add_counters(ROWS, days_old=9)
    add_counters(3, days_old=0)
    seen = deletions_seen()

    assert allowances.forget(clock.now() - 2 * DAY) == ROWS

    assert seen == [batches.ROWS, batches.ROWS, 1]
    assert count(Counter) == 3


def record(*, days_old: int) -> None:
    with transaction():
        audit.record("test", user_id=1, client=COMMAND_LINE, at=clock.now() - days_old * DAY)


def test_audit_events_are_deleted_after_their_retention(make_app: MakeApp) -> None:
    for days in (401, 399, 31, 29):
        record(days_old=days)

    retention.run()
    assert count(AuditEvent) == 3

    with make_app(AUDIT_RETENTION="30").app_context():
        assert retention.run()["audit events"] == 2
    assert count(AuditEvent) == 1


def test_audit_events_are_deleted_from_the_old_end_alone(app: Flask) -> None:
    for days in (500, 10, 500):  # a clock was wrong, and the second event stays
        record(days_old=days)

    retention.run()

    assert [event.at < clock.now() - 400 * DAY for event in audit.events_of(1)] == [True, False]


@pytest.mark.parametrize("value", ["0", "-1", "x", "36501", "1.5", "9" * 30, "٣"])
@pytest.mark.one_database
def test_a_retention_that_is_no_number_of_days_is_rejected(make_app: MakeApp, value: str) -> None:
    with pytest.raises(SystemExit, match="AUDIT_RETENTION"):
        make_app(AUDIT_RETENTION=value)


@pytest.fixture
def wrong_database_clock(app: Flask) -> Any:
    """Let the database's clock be two minutes ahead; SQLite has no clock of its own."""
    if db.engine.dialect.name != "postgresql":
        yield False
        return
    name = db.engine.url.database
    with db.engine.begin() as connection:
        body = "SELECT pg_catalog.clock_timestamp() + interval '2 minutes'"
        made = f"CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ {body} $$"
        connection.execute(text(made))
        connection.execute(text(f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog'))
    db.engine.dispose()
    yield True
    with db.engine.begin() as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" RESET search_path'))
        connection.execute(text("DROP FUNCTION public.clock_timestamp()"))
    db.engine.dispose()


def test_retention_stops_while_the_clocks_differ(app: Flask, wrong_database_clock: bool) -> None:
    record(days_old=500)

    result = app.test_cli_runner().invoke(args=["retention", "run"])

    if wrong_database_clock:
        assert result.exit_code == 1
        assert "No row was deleted" in result.output
    assert count(AuditEvent) == (1 if wrong_database_clock else 0)


def test_a_cooldown_of_a_clock_that_was_ahead_lasts_no_longer_than_it_should(app: Flask, time: Time) -> None:
    cooldown = allowances.Allowance("test", "someone", 1, 120)
    time.advance(7_200)
    with transaction():
        allowances.take(cooldown, now=clock.now())
    time.advance(-7_200)  # the clock is right again

    with pytest.raises(TooMany) as refused, transaction():
        allowances.take(cooldown, now=clock.now())
    assert refused.value.retry_after_seconds <= 120

    time.advance(121)
    with transaction():
        allowances.take(cooldown, now=clock.now())
