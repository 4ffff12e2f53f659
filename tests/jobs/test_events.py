"""A real worker sends events, whatever happens to it meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from otp_service.hooks.posting import LEASE
from tests.conftest import MakeApp, Time
from tests.hooks.receiver import Receiver
from tests.hooks.sending import add_hook, happen, stored, work
from tests.jobs.conftest import Settings, StartWorker
from tests.waiting import wait_until


@pytest.fixture
def worker_settings(worker_settings: Settings) -> Settings:
    """Those of the worker, with hooks on this machine."""
    return {**worker_settings, "HOOKS_ALLOW_PRIVATE": "true"}


@pytest.fixture
def service(make_app: MakeApp, worker_settings: Settings) -> Flask:
    """The application whose events are sent."""
    return make_app(**worker_settings)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of events."""
    with Receiver() as server:
        yield server


def test_kill_9_of_the_worker_loses_no_event_and_repeats_at_most_the_one_in_hand(
    service: Flask, receiver: Receiver, start_worker: StartWorker, time: Time, worker_log: Path
) -> None:
    add_hook(service, f"{receiver.url}/canary")
    receiver.gate.clear()
    for number in range(5):
        happen(service, user_id=number + 1)
    worker = start_worker()
    wait_until(lambda: receiver.events)  # taken, and not yet acknowledged
    worker.kill()
    worker.wait()

    receiver.gate.set()
    time.advance(LEASE.total_seconds() + 1)
    work(service)

    ids = [got.id for got in receiver.events]
    assert {one.state for one in stored(service)} == {"delivered"}
    assert (len(ids), len(set(ids)), ids[0]) == (6, 5, ids[1])
    assert "canary" not in worker_log.read_text()


def test_a_signal_to_stop_lets_the_worker_finish_the_event_in_hand(
    service: Flask, receiver: Receiver, start_worker: StartWorker, worker_log: Path
) -> None:
    add_hook(service, receiver.url)
    receiver.gate.clear()
    happen(service)
    worker = start_worker()
    wait_until(lambda: receiver.events)

    worker.terminate()
    wait_until(lambda: "worker.stopping" in worker_log.read_text())
    receiver.gate.set()

    assert worker.wait() == 0
    assert [one.state for one in stored(service)] == ["delivered"]
    assert len(receiver.events) == 1
