"""The queue only wakes the worker: it may be away, full or poisoned."""

import pickle
from pathlib import Path

import pytest
from flask import Flask

from otp_service.core import clock
from otp_service.jobs import JOBS, Job
from otp_service.jobs.schedule import DELIVER
from otp_service.jobs.worker import Interval, make_queue, task_of
from otp_service.outbox import records
from tests.conftest import MakeApp, Time
from tests.jobs.conftest import Settings, post
from tests.servers import ValkeyServer, free_port


def queue_size(app: Flask) -> int:
    return int(make_queue(app, timeout_seconds=1).storage.queue_size())


def test_the_jobs_have_names_of_their_own() -> None:
    assert {job.name: job.every_seconds for job in JOBS} == {"deliver": 5, "sweep": 60, "retention": 86_400}


def test_a_job_is_due_once_in_each_span(time: Time) -> None:
    is_due = Interval(60)
    assert [is_due(None), is_due(None)] == [True, False]
    time.advance(60)
    assert [is_due(None), is_due(None)] == [True, False]
    time.advance(86_400)
    assert [is_due(None), is_due(None)] == [True, False]


def test_while_no_worker_runs_one_wish_is_kept_however_much_is_posted(service: Flask) -> None:
    post(service, count=5)
    assert queue_size(service) == 1


def test_a_redis_that_is_away_stops_no_post_and_is_tried_once(
    make_app: MakeApp, worker_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(**worker_settings, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    post(app, count=5)
    assert [record.getMessage() for record in caplog.records].count("jobs.queue_away") == 1
    with app.app_context():
        assert len(records.newest(limit=10)) == 5


def test_a_queue_that_cannot_be_opened_stops_no_post(service: Flask, tmp_path: Path) -> None:
    (tmp_path / "jobs.db").mkdir()
    post(service)
    with service.app_context():
        assert len(records.newest(limit=10)) == 1


def test_in_redis_the_wish_is_kept_too(make_app: MakeApp, worker_settings: Settings, valkey: ValkeyServer) -> None:
    app = make_app(**worker_settings, REDIS_URL=valkey.url)
    post(app, count=2)
    assert queue_size(app) == 1


class Poison:
    """Runs code when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self._trace,))


def test_what_is_not_signed_is_not_even_read(service: Flask, tmp_path: Path) -> None:
    queue = make_queue(service, timeout_seconds=1)
    queue.storage.enqueue(pickle.dumps(Poison(tmp_path / "ran")))
    with pytest.raises(ValueError, match=r"not found|mismatch"):
        queue.dequeue()
    assert not (tmp_path / "ran").exists()


def test_a_task_that_is_signed_runs_its_job(service: Flask) -> None:
    queue = make_queue(service, timeout_seconds=1)
    queue.enqueue(task_of(queue, DELIVER))
    task = queue.dequeue()
    assert task is not None
    assert task.name == "deliver"


def test_a_job_that_fails_is_logged_and_ends_nothing(service: Flask, caplog: pytest.LogCaptureFixture) -> None:
    from otp_service.jobs.worker import guarded

    def fail() -> None:
        raise LookupError

    guarded(service, Job("failing", 1, fail))()
    assert [record.message for record in caplog.records] == ["job.failed"]
    assert clock.now()
