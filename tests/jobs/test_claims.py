"""Which worker runs a job: one at a time, and never none for long."""

import uuid
from datetime import timedelta

import pytest
from flask import Flask

from otp_service.core import clock
from otp_service.jobs import JOBS, Job, records
from otp_service.jobs.records import ALIVE, RETRY_AFTER, Claim
from otp_service.jobs.worker import Worker
from tests.conftest import Time
from tests.parallel import at_once

HOUR = timedelta(hours=1)


def claim_of(interval: timedelta = HOUR) -> Claim:
    """The wish of a worker of its own."""
    return Claim("sweep", uuid.uuid4(), interval)


def claim(app: Flask, wanted: Claim) -> bool:
    with app.app_context():
        return records.claim(wanted)


def release(app: Flask, held: Claim, error: str | None = None) -> None:
    with app.app_context():
        records.release(held, error=error)


def test_the_jobs_have_names_of_their_own() -> None:
    assert {job.name: job.every_seconds for job in JOBS} == {
        "tasks": 5, "deliver": 1, "events": 1, "fraud": 1, "fraud blocks": 15, "fraud nodes": 600, "sweep": 60,
        "insights": 20, "unfinished sign-ins": 300, "audit heads": 3_600, "retention": 86_400,
    }  # fmt: skip
    assert [job.name for job in JOBS if job.is_shared] == ["tasks", "deliver", "events", "fraud"]


def test_a_job_is_due_at_once_and_then_once_in_each_interval(app: Flask, time: Time) -> None:
    mine = claim_of()
    assert claim(app, mine)
    release(app, mine)

    assert not claim(app, mine)

    time.advance(HOUR.total_seconds() + 1)
    assert claim(app, mine)


@pytest.mark.parametrize("round_number", range(5))
def test_of_workers_at_once_one_gets_the_job(app: Flask, round_number: int) -> None:
    claims = [claim_of() for _ in range(8)]

    won = at_once(8, lambda number: claim(app, claims[number]))

    assert won.count(True) == 1


def test_while_one_worker_runs_it_no_other_gets_it_however_long_that_takes(app: Flask, time: Time) -> None:
    mine, other = claim_of(), claim_of()
    assert claim(app, mine)

    for _ in range(10):
        time.advance(ALIVE.total_seconds() - 5)
        with app.app_context():
            records.beat(mine.worker_id)
        assert not claim(app, other)


def test_the_job_of_a_worker_that_died_goes_to_another_one(app: Flask, time: Time) -> None:
    mine, other = claim_of(), claim_of()
    assert claim(app, mine)
    time.advance(ALIVE.total_seconds() + 1)

    assert claim(app, other)

    release(app, mine)  # it was not dead after all: the run of the other one goes on
    assert not claim(app, claim_of())


def test_the_job_of_a_worker_that_left_is_free_at_once(app: Flask) -> None:
    mine = claim_of()
    assert claim(app, mine)

    with app.app_context():
        records.leave(mine.worker_id)
        assert records.living_workers() == []

    assert claim(app, claim_of())


def test_a_worker_gets_back_a_job_whose_end_it_could_not_record(app: Flask) -> None:
    mine = claim_of()
    assert claim(app, mine)

    assert claim(app, mine)


def test_a_job_that_failed_is_due_again_soon(app: Flask, time: Time) -> None:
    mine = claim_of()
    assert claim(app, mine)
    release(app, mine, "OperationalError")

    assert not claim(app, mine)

    time.advance(RETRY_AFTER.total_seconds() + 1)
    assert claim(app, mine)


def test_a_clock_that_was_wrong_keeps_no_job_waiting(app: Flask, time: Time) -> None:
    mine = claim_of()
    time.advance(30 * 86_400)
    assert claim(app, mine)
    release(app, mine)

    time.advance(-30 * 86_400)

    assert claim(app, mine)


def test_a_job_that_fails_is_logged_once_until_it_works_again(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    worker, errors = Worker(app), [LookupError, LookupError, None, None, LookupError]

    def act() -> None:
        error = errors.pop(0)
        if error is not None:
            raise error

    while errors:
        worker.attempt("job", act)

    assert [record.getMessage() for record in caplog.records] == ["job.failed", "job.recovered", "job.failed"]


def test_a_run_that_fails_records_its_error_and_frees_the_job(app: Flask, time: Time) -> None:
    def fail() -> None:
        raise LookupError

    worker, job = Worker(app), Job("sweep", 60, fail)
    with app.app_context():
        with pytest.raises(LookupError):
            worker.run_alone(job)
        assert records.last_runs() == {"sweep": None}

    time.advance(61)
    assert claim(app, claim_of(timedelta(seconds=60)))


def test_a_run_that_ends_well_records_when(app: Flask) -> None:
    ran = []

    with app.app_context():
        Worker(app).run_alone(Job("sweep", 60, lambda: ran.append(clock.now())))
        Worker(app).run_alone(Job("sweep", 60, lambda: ran.append(clock.now())))
        ended = records.last_runs()["sweep"]

    assert len(ran) == 1
    assert ended is not None
    assert ended >= ran[0]
