"""A worker needs the database alone: whatever happens to Redis, e-mail leaves and the other jobs run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from otp_service.jobs import records
from tests.jobs.conftest import StartWorker, post
from tests.mail.mailbox import Mailbox
from tests.servers import ValkeyServer
from tests.servers.ports import is_open
from tests.waiting import wait_until

pytestmark = pytest.mark.one_database

MOST_LINES = 50

TROUBLES: dict[str, Callable[[ValkeyServer], None]] = {
    "away": ValkeyServer.stop,
    "frozen": ValkeyServer.pause,
    "full": ValkeyServer.fill,
    "read-only": ValkeyServer.follow,
    "wrong password": ValkeyServer.lock,
}


@pytest.fixture
def troubled(valkey: ValkeyServer) -> Iterator[ValkeyServer]:
    """A Valkey that is healthy again afterwards."""
    yield valkey
    valkey.resume() if is_open(valkey.port) else valkey.start()


def jobs_ran(app: Flask) -> bool:
    with app.app_context():
        ended = records.last_runs()
    return all(ended.get(name) for name in ("sweep", "retention"))


@pytest.mark.parametrize("trouble", TROUBLES)
def test_with_redis_in_trouble_a_worker_starts_and_runs_every_job_without_a_word(
    service: Flask,
    mailbox: Mailbox,
    start_worker: StartWorker,
    troubled: ValkeyServer,
    worker_log: Path,
    trouble: str,
) -> None:
    TROUBLES[trouble](troubled)
    post(service)

    start_worker(REDIS_URL=troubled.url)

    mailbox.wait_for(1)
    wait_until(lambda: jobs_ran(service))
    post(service)
    mailbox.wait_for(2)
    assert len(worker_log.read_text().splitlines()) < MOST_LINES


@pytest.mark.parametrize("trouble", TROUBLES)
def test_when_redis_gets_into_trouble_a_worker_goes_on(
    service: Flask, mailbox: Mailbox, start_worker: StartWorker, troubled: ValkeyServer, trouble: str
) -> None:
    post(service)
    worker = start_worker(REDIS_URL=troubled.url)
    mailbox.wait_for(1)

    TROUBLES[trouble](troubled)
    post(service)

    mailbox.wait_for(2)
    assert worker.is_running
