"""A real worker sends what was posted, whatever happens to it meanwhile."""

import signal
import time as system_time
import uuid
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

from otp_service import outbox
from otp_service.core import clock
from otp_service.core.database.transactions import execute, transaction
from otp_service.jobs import records
from otp_service.jobs.models import WorkerState
from otp_service.jobs.records import ALIVE, Claim
from otp_service.jobs.schedule import DELIVER
from otp_service.outbox import records as outbox_records
from otp_service.outbox.delivery import LEASE
from tests.api import Api
from tests.conftest import Time
from tests.jobs.conftest import StartWorker, post
from tests.mail.mailbox import Mailbox
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.each_case


def states(app: Flask) -> Counter[str]:
    with app.app_context():
        return Counter(record.state for record in outbox_records.newest(limit=100))


def worker_state(api: Api) -> str:
    return str(api.get("//ready").json["checks"]["worker"])


def ran_while_alive(name: str, worker_id: uuid.UUID) -> bool:
    """Whether a job has run, while a worker that only this test knows still lives."""
    records.beat(worker_id)
    return records.last_runs().get(name) is not None


def forget_heartbeat(worker_id: uuid.UUID) -> None:
    """Let the worker look as if it had died long ago."""
    with transaction():
        long_ago = clock.now() - timedelta(hours=1)
        execute(update(WorkerState).where(WorkerState.id == worker_id).values(seen_at=long_ago))


def test_a_worker_sends_what_was_posted_before_and_while_it_runs(
    service: Flask, mailbox: Mailbox, start_worker: StartWorker, worker_log: Path
) -> None:
    post(service)
    start_worker()
    mailbox.wait_for(1)
    wait_until(lambda: states(service) == {"sent": 1})
    post(service)
    mailbox.wait_for(2)
    wait_until(lambda: states(service) == {"sent": 2})
    assert "canary" not in worker_log.read_text()


@pytest.mark.timing
def test_a_message_posted_while_a_worker_runs_does_not_wait_for_the_workers_turn(
    service: Flask, mailbox: Mailbox, start_worker: StartWorker
) -> None:
    post(service)
    start_worker()
    mailbox.wait_for(1)
    wait_until(lambda: states(service) == {"sent": 1})

    started = system_time.monotonic()
    post(service)
    mailbox.wait_for(2)

    assert system_time.monotonic() - started < DELIVER.every_seconds + 1


def test_several_workers_send_nothing_twice(service: Flask, mailbox: Mailbox, start_worker: StartWorker) -> None:
    for _ in range(3):
        start_worker()
    post(service, count=20)
    wait_until(lambda: states(service) == {"sent": 20})
    assert sorted(Counter(mailbox.message_ids).values()) == [1] * 20


@pytest.mark.parametrize("sent_before", [0, 3])
def test_kill_9_in_the_middle_loses_none_and_repeats_at_most_the_one_in_hand(
    service: Flask, mailbox: Mailbox, start_worker: StartWorker, time: Time, sent_before: int
) -> None:
    post(service, count=6)
    mailbox.data_seconds = 0.4
    worker = start_worker()
    mailbox.wait_for(sent_before + 1)  # taken, and not yet acknowledged
    worker.kill()
    worker.wait()
    assert states(service) == Counter(sent=sent_before, pending=6 - sent_before)

    mailbox.data_seconds = 0
    time.advance(LEASE.total_seconds() + 1)
    with service.app_context():
        outbox.deliver()

    assert states(service) == {"sent": 6}
    times = Counter(mailbox.message_ids)
    assert len(times) == 6
    assert sorted(times.values()) == [1, 1, 1, 1, 1, 2]


@pytest.mark.parametrize("rounds", range(3))
def test_kill_9_at_any_moment_loses_none(
    service: Flask, mailbox: Mailbox, start_worker: StartWorker, time: Time, rounds: int
) -> None:
    post(service, count=8)
    mailbox.data_seconds = 0.03
    worker = start_worker()
    mailbox.wait_for(1)
    system_time.sleep(0.05 * rounds)
    worker.kill()
    worker.wait()
    time.advance(LEASE.total_seconds() + 1)
    with service.app_context():
        outbox.deliver()
    assert states(service) == {"sent": 8}
    times = Counter(mailbox.message_ids)
    assert len(times) == 8
    assert sum(times.values()) <= 9


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_to_stop_lets_it_finish_the_message_in_hand(
    service: Flask, mailbox: Mailbox, start_worker: StartWorker, number: signal.Signals
) -> None:
    mailbox.data_seconds = 1.0
    post(service)
    worker = start_worker()
    mailbox.wait_for(1)
    worker.send_signal(number)
    assert worker.wait() == 0
    assert states(service) == {"sent": 1}
    assert len(mailbox.messages) == 1


def test_a_second_signal_ends_it_at_once(
    service: Flask, mailbox: Mailbox, start_worker: StartWorker, worker_log: Path
) -> None:
    mailbox.data_seconds = PATIENCE_SECONDS
    post(service)
    worker = start_worker()
    mailbox.wait_for(1)

    worker.send_signal(signal.SIGTERM)
    wait_until(lambda: "worker.stopping" in worker_log.read_text())
    worker.send_signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert states(service) == {"pending": 1}


def test_a_worker_shows_itself_while_it_runs_and_leaves_when_it_ends(service: Flask, start_worker: StartWorker) -> None:
    api = Api(service)
    worker = start_worker()

    wait_until(lambda: worker_state(api) == "up")

    worker.terminate()
    worker.wait()
    assert worker_state(api) == "never seen: run flask worker"
    assert api.get("//ready").status_code == 200


def test_a_worker_that_was_killed_is_missed(service: Flask, start_worker: StartWorker, time: Time) -> None:
    api = Api(service)
    worker = start_worker()
    wait_until(lambda: worker_state(api) == "up")
    worker.kill()
    worker.wait()

    time.advance(ALIVE.total_seconds() + 1)

    assert worker_state(api).startswith("away since ")
    assert api.get("//ready").status_code == 200


def test_a_job_that_a_killed_worker_ran_goes_on_in_another(
    service: Flask, start_worker: StartWorker, time: Time
) -> None:
    with service.app_context():
        held = Claim("retention", uuid.uuid4(), timedelta(days=1))
        assert records.claim(held)
        start_worker()
        wait_until(lambda: ran_while_alive("sweep", held.worker_id))
        assert records.last_runs()["retention"] is None

        forget_heartbeat(held.worker_id)

        wait_until(lambda: records.last_runs()["retention"])
