"""Work that goes on after the response: bounded, kept through a crash, and never a fault of the request."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import func, select

from otp_service.core import background, clock, tasks
from otp_service.core.background import HEAD_START_SECONDS, Background
from otp_service.core.crypto.hash_slots import SlotsBusy
from otp_service.core.database.transactions import fetch_one
from otp_service.core.errors import Forbidden
from otp_service.core.tasks import LEASE, LIFETIME, Task, TaskRow
from otp_service.core.web.even_timing import EvenTiming
from tests.conftest import Time
from tests.parallel import at_once
from tests.waiting import wait_until

Logs = pytest.LogCaptureFixture
KIND = "a test's"


class Acts:
    """What the tasks of a test do, one after the other; the last one goes on for all that follow."""

    def __init__(self) -> None:
        self.seen: list[Task] = []
        self.acts: list[Callable[[], object]] = [lambda: None]

    def __call__(self, task: Task) -> None:
        self.seen.append(task)
        self.acts[min(len(self.seen), len(self.acts)) - 1]()


@pytest.fixture
def acts() -> Iterator[Acts]:
    """What tasks of KIND do."""
    acts = Acts()
    tasks.carried_out_by(KIND, acts)
    yield acts
    del tasks._acts[KIND]


def raising(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def run_later(app: Flask, background: Background, **values: Any) -> None:
    with app.app_context(), background.place() as run:
        run(KIND, values)


def number_stored(app: Flask) -> int:
    with app.app_context():
        row = fetch_one(select(func.count()).select_from(TaskRow))
    assert row is not None
    return int(row[0])


def test_work_runs_in_the_application_after_a_head_start(app: Flask, acts: Acts) -> None:
    background, seen = Background(app), []
    started = time.monotonic()
    acts.acts = [lambda: seen.append((current_app.name, time.monotonic() - started))]

    run_later(app, background, name="Ada")

    assert background.drain()
    ((name, waited),) = seen
    assert (name, acts.seen[0].values, acts.seen[0].tries) == (app.name, {"name": "Ada"}, 1)
    assert waited >= HEAD_START_SECONDS
    assert number_stored(app) == 0


def test_what_does_not_fit_is_refused_before_it_is_promised(app: Flask, acts: Acts, caplog: Logs) -> None:
    background, gate = Background(app, threads=1, capacity=2), threading.Event()
    acts.acts = [gate.wait]
    for _ in range(2):
        run_later(app, background)

    with pytest.raises(SlotsBusy) as refused:
        run_later(app, background)

    assert refused.value.headers["Retry-After"] == "5"
    assert [record.message for record in caplog.records] == ["background.full"]
    assert number_stored(app) == 2
    gate.set()
    assert background.drain()
    run_later(app, background)
    assert background.drain()


def test_a_place_without_work_is_free_again(app: Flask, acts: Acts) -> None:
    background = Background(app, threads=1, capacity=1)

    for _ in range(2):
        with background.place():
            pass
    run_later(app, background)

    assert background.drain()
    assert len(acts.seen) == 1


def test_a_refusal_is_logged_and_ends_the_task(app: Flask, acts: Acts, caplog: Logs) -> None:
    caplog.set_level("INFO")
    background = Background(app)
    acts.acts = [raising(Forbidden())]

    run_later(app, background)

    assert background.drain()
    assert [record.message for record in caplog.records] == ["background.refused"]
    assert number_stored(app) == 0


def test_a_fault_leaves_the_task_for_another_try_after_the_lease(
    app: Flask, acts: Acts, caplog: Logs, time: Time
) -> None:
    acts.acts = [raising(ValueError("x")), lambda: None]
    run_later(app, one := Background(app), name="Ada")
    assert one.drain()
    assert [record.message for record in caplog.records] == ["background.failed"]

    for _ in range(2):
        look_at_due(app)
        time.advance(LEASE.total_seconds())
        look_at_due(app)

    assert [(task.values, task.tries) for task in acts.seen] == [({"name": "Ada"}, 1), ({"name": "Ada"}, 2)]
    assert acts.seen[1].effect_ids[0] == acts.seen[0].effect_ids[0]
    assert number_stored(app) == 0


def look_at_due(app: Flask) -> None:
    with app.app_context():
        background.carry_out_due()


def test_a_task_that_its_process_never_began_is_begun_once_by_another(app: Flask, acts: Acts, time: Time) -> None:
    with app.app_context():
        tasks.add(KIND, {})
    look_at_due(app)
    assert acts.seen == []

    time.advance(tasks.HANDED_OVER_AFTER.total_seconds())
    at_once(8, lambda _: look_at_due(app))

    assert len(acts.seen) == 1


def test_a_new_process_carries_out_what_a_killed_one_left(app: Flask, acts: Acts, time: Time) -> None:
    with app.app_context():
        tasks.add(KIND, {})
    time.advance(tasks.HANDED_OVER_AFTER.total_seconds())

    Background(app).resume(pauses_seconds=(0.0,))

    wait_until(lambda: acts.seen and number_stored(app) == 0)


def test_work_that_is_too_old_is_dropped_and_logged(app: Flask, acts: Acts, time: Time, caplog: Logs) -> None:
    with app.app_context():
        late = tasks.add(KIND, {})
    time.advance((LIFETIME + timedelta(seconds=1)).total_seconds())

    with app.app_context():
        tasks.carry_out(late, is_own=True)
    look_at_due(app)

    assert (acts.seen, number_stored(app)) == ([], 0)
    assert [record.message for record in caplog.records] == ["task.dropped"]


def test_a_process_that_was_overtaken_does_not_end_the_task(app: Flask, acts: Acts, time: Time) -> None:
    def be_overtaken() -> None:
        time.advance(LEASE.total_seconds())
        with app.app_context():
            assert tasks._claim(acts.seen[0].id, is_own=False) is not None

    acts.acts = [be_overtaken]
    with app.app_context():
        tasks.carry_out(tasks.add(KIND, {}), is_own=True)

    assert number_stored(app) == 1


def test_what_is_stored_is_not_readable(app: Flask, acts: Acts) -> None:
    with app.app_context():
        tasks.add(KIND, {"email": "ada@example.com"})
        row = fetch_one(select(*TaskRow.__table__.columns))

    assert "ada" not in str(row)
    assert row is not None
    assert row.created_at <= clock.now()


def test_waiting_for_what_does_not_end_is_given_up(app: Flask, acts: Acts) -> None:
    background, gate = Background(app), threading.Event()
    acts.acts = [gate.wait]
    run_later(app, background)
    assert not background.drain(timeout_seconds=0.1)
    gate.set()
    assert background.drain()


def test_no_answer_leaves_before_its_time() -> None:
    pace, started = EvenTiming(seconds=0.1), time.monotonic()
    with pace.even():
        pass
    assert time.monotonic() - started >= 0.1


def test_no_error_leaves_before_its_time() -> None:
    pace, started = EvenTiming(seconds=0.1), time.monotonic()
    with pytest.raises(Forbidden), pace.even():
        raise Forbidden
    assert time.monotonic() - started >= 0.1
