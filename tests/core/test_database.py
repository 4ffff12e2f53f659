"""Transactions, reads, times and constraint names, on both databases."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from config import Config
from otp_service.accounts.models import User
from otp_service.application import create_app
from otp_service.auth.models import Challenge
from otp_service.core import clock
from otp_service.core.allowances import Counter
from otp_service.core.database.transactions import (
    assert_no_transaction,
    execute,
    fetch_all,
    fetch_one,
    transaction,
    upsert,
    violated_constraint,
)
from otp_service.extensions import db
from otp_service.providers import Channel
from otp_service.simulator import Simulator
from otp_service.sinch import get_client
from tests.factories import make_person
from tests.parallel import at_once

pytestmark = pytest.mark.each_case

BACKEND = select(func.pg_backend_pid().label("backend"))
LAST_STATEMENT = text("SELECT state, query FROM pg_stat_activity WHERE pid = :backend")
FULL = 2  # PRAGMA synchronous: each commit waits for the disk
NOON = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(autouse=True)
def context(app: Flask) -> Any:
    """The database of the application, as a command would use it."""
    with app.app_context():
        yield


def add(subject: str, *, count: int = 0, at: datetime = NOON) -> None:
    execute(insert(Counter).values(name="test", subject=subject, count=count, window_started_at=at))


def subjects() -> list[str]:
    return [row.subject for row in fetch_all(select(Counter.subject).order_by(Counter.subject))]


def connections_held() -> int:
    return int(db.engine.pool.checkedout())  # type: ignore[attr-defined]


class Refusal(Exception):
    """What a service raises."""


def write_and_fail(*names: str, error: type[BaseException] = Refusal) -> None:
    with transaction():
        for name in names:
            add(name)
        raise error


def write(*names: str) -> None:
    with transaction():
        for name in names:
            add(name)


def test_what_is_written_is_committed_at_the_end_of_the_block() -> None:
    write("one")
    assert subjects() == ["one"]
    assert connections_held() == 0


def test_an_inner_block_joins_and_the_outermost_commits(app: Flask) -> None:
    with transaction():
        write("inner")
        assert seen_by_others(app) == []
        add("outer")
    assert subjects() == ["inner", "outer"]


def seen_by_others(app: Flask) -> list[str]:
    def look(_: int) -> list[str]:
        with app.app_context():
            return subjects()

    return at_once(1, look)[0]


@pytest.mark.parametrize("kind", [Refusal, KeyboardInterrupt, SystemExit])
def test_any_error_rolls_everything_back(kind: type[BaseException]) -> None:
    with pytest.raises(kind):
        write_and_fail("one", error=kind)
    assert subjects() == []
    assert connections_held() == 0


def test_an_error_in_an_inner_block_rolls_the_outer_one_back() -> None:
    def fail_inside() -> None:
        with transaction():
            add("outer")
            write_and_fail("inner")

    with pytest.raises(Refusal):
        fail_inside()
    assert subjects() == []


def test_after_a_rollback_the_next_transaction_is_a_new_one() -> None:
    with pytest.raises(Refusal):
        write_and_fail("lost")
    write("kept")
    assert subjects() == ["kept"]


def test_a_failed_statement_leaves_nothing_open() -> None:
    write("one")
    with pytest.raises(IntegrityError):
        write("two", "one")
    assert subjects() == ["one"]
    assert connections_held() == 0


def test_a_read_in_a_transaction_sees_its_own_writes() -> None:
    with transaction():
        add("one")
        assert subjects() == ["one"]
        assert fetch_one(select(Counter.count).where(Counter.subject == "one")) == (0,)


def test_a_read_outside_a_transaction_holds_no_connection_afterwards() -> None:
    fetch_all(select(Counter))
    fetch_one(select(Counter))
    assert connections_held() == 0


def test_a_failed_read_holds_no_connection_afterwards() -> None:
    with pytest.raises(Exception, match="no_such"):
        fetch_all(select(func.no_such_function()))
    assert connections_held() == 0


def test_postgresql_hears_nothing_of_a_read_outside_a_transaction_but_its_statement(app: Flask) -> None:
    def read(_: int) -> Any:
        with app.app_context():
            return fetch_one(BACKEND)

    if db.engine.dialect.name == "postgresql":
        with transaction():
            assert fetch_one(BACKEND)  # holds this connection, so that the other thread takes another
            (backend,) = at_once(1, read)[0]
            assert fetch_one(LAST_STATEMENT, {"backend": backend}) == ("idle", "SELECT pg_backend_pid() AS backend")


def test_after_a_read_a_transaction_still_rolls_back() -> None:
    subjects()
    with pytest.raises(Refusal):
        write_and_fail("lost")
    assert subjects() == []


def test_nobody_finds_none() -> None:
    assert fetch_one(select(Counter)) is None
    assert list(fetch_all(select(Counter))) == []


def test_a_write_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="with transaction"):
        add("one")
    assert subjects() == []


def test_a_call_to_a_provider_is_refused_inside_a_transaction() -> None:
    with transaction(), pytest.raises(RuntimeError, match="inside a transaction"):
        assert_no_transaction()
    assert_no_transaction()


def test_the_applications_own_client_refuses_to_call_inside_a_transaction(sinch: Simulator) -> None:
    with transaction(), pytest.raises(RuntimeError, match="inside a transaction"):
        get_client().start("+14155552671", Channel.SMS, reference="r")
    assert sinch.calls == []


def test_transactions_of_threads_are_apart(app: Flask) -> None:
    def write_one(number: int) -> None:
        with app.app_context():
            write(f"{number:02}")

    at_once(10, write_one)
    assert subjects() == [f"{number:02}" for number in range(10)]


def test_eight_threads_of_fifty_transactions_never_find_the_database_locked(app: Flask) -> None:
    write("shared")

    def count_up(number: int) -> None:
        with app.app_context():
            for step in range(50):
                with transaction():
                    row = fetch_one(
                        select(Counter.count.label("found")).where(Counter.subject == "shared").with_for_update()
                    )
                    add(f"{number}-{step}")
                    assert row is not None
                    execute(update(Counter).where(Counter.subject == "shared").values(count=row.found + 1))

    at_once(8, count_up)
    assert fetch_one(select(Counter.count).where(Counter.subject == "shared")) == (400,)
    assert len(subjects()) == 401


@pytest.mark.one_database
def test_a_commit_on_sqlite_survives_a_power_cut(tmp_path: Path) -> None:
    app = create_app(Config.from_env({"INSTANCE_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/kept.db"}))

    with app.app_context():
        [synchronous] = fetch_all(text("PRAGMA synchronous"))

    assert synchronous[0] == FULL


def test_readers_do_not_wait_for_a_writer(app: Flask) -> None:
    with transaction():
        add("uncommitted")
        assert seen_by_others(app) == []


def test_an_upsert_decides_by_its_row_count() -> None:
    statement = upsert(Counter).values(name="test", subject="one", count=1, window_started_at=NOON)
    with transaction():
        assert execute(statement.on_conflict_do_nothing()).rowcount == 1
        assert execute(statement.on_conflict_do_nothing()).rowcount == 0


def stored(at: datetime) -> datetime:
    with transaction():
        add("time", at=at)
    row = fetch_one(select(Counter.window_started_at).where(Counter.subject == "time"))
    assert row is not None
    found: datetime = row[0]
    return found


@pytest.mark.parametrize(
    "at",
    [
        NOON,
        NOON.replace(microsecond=0),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=-11, minutes=-30))),
    ],
    ids=str,
)
def test_a_time_comes_back_as_it_was_in_utc(at: datetime) -> None:
    came_back = stored(at)
    assert came_back == at
    assert came_back.utcoffset() == timedelta()


def test_times_compare_in_the_database_whatever_their_zone() -> None:
    stored(NOON)
    later_elsewhere = (NOON + timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=-8)))
    is_before = Counter.window_started_at < later_elsewhere
    assert fetch_one(select(Counter.subject).where(is_before)) == ("time",)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(StatementError, match="without a zone"), transaction():
        add("naive", at=NOON.replace(tzinfo=None))
    assert subjects() == []


def test_a_missing_time_stays_missing(app: Flask) -> None:
    person = make_person(app)
    assert fetch_one(select(User.locked_at).where(User.id == person.id)) == (None,)


@pytest.mark.parametrize(("field", "name"), [("email", "uq_users_email"), ("phone_number", "uq_users_phone_number")])
def test_a_violated_constraint_is_named_on_either_database(app: Flask, field: str, name: str) -> None:
    person = make_person(app)
    values = {"email": "new@example.com", "phone_number": "+14155550000", field: getattr(person, field)}
    now = clock.now()
    with pytest.raises(IntegrityError) as caught, transaction():
        execute(insert(User).values(password_hash="x", password_changed_at=now, created_at=now, **values))
    assert violated_constraint(caught.value) == name


def test_a_violated_foreign_key_is_not_taken_for_a_unique_constraint() -> None:
    values = {"id": uuid.uuid4(), "user_id": 999_999_999, "token_hash": "x", "created_at": NOON, "expires_at": NOON}
    with pytest.raises(IntegrityError) as caught, transaction():
        execute(insert(Challenge).values(values))
    assert violated_constraint(caught.value) in {None, "fk_challenges_user_id"}


def test_foreign_keys_hold_on_either_database(app: Flask) -> None:
    person = make_person(app)
    values = {"id": uuid.uuid4(), "user_id": person.id, "token_hash": "x", "created_at": NOON, "expires_at": NOON}
    with transaction():
        execute(insert(Challenge).values(values))
        execute(delete(User).where(User.id == person.id))
    assert fetch_all(select(Challenge)) == []


@pytest.mark.one_database
def test_the_file_of_a_new_sqlite_database_is_its_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    app = create_app(Config.from_env({"INSTANCE_DIR": str(tmp_path), "LOG_LEVEL": "ERROR"}))

    with app.app_context(), transaction():
        execute(text("CREATE TABLE kept (id INTEGER)"))
    with app.app_context():
        db.engine.dispose()

    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.glob("otp_service.db*")}
    assert modes
    assert set(modes.values()) == {"0o600"}
