"""Work that goes on after the answer: bounded, finished at a stop, and never a fault of the request."""

import threading
import time
from collections.abc import Callable

import pytest
from flask import Flask, current_app

from otp_service.core.background import HEAD_START_SECONDS, Background
from otp_service.core.crypto.hash_slots import SlotsBusy
from otp_service.core.errors import Forbidden
from otp_service.core.web.even_timing import EvenTiming

Logs = pytest.LogCaptureFixture


@pytest.fixture
def service() -> Flask:
    """An application, whatever it does."""
    return Flask("test", static_folder=None)


def raising(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def test_work_runs_in_the_application_after_a_head_start(service: Flask) -> None:
    background, seen = Background(service), []
    started = time.monotonic()
    run_later(background, lambda: seen.append((current_app.name, time.monotonic() - started)))
    assert background.drain()
    ((name, waited),) = seen
    assert name == "test"
    assert waited >= HEAD_START_SECONDS


def run_later(background: Background, act: Callable[[], object]) -> None:
    with background.place() as run:
        run("work", act)


def test_what_does_not_fit_is_refused_before_it_is_promised(service: Flask, caplog: Logs) -> None:
    background, gate = Background(service, threads=1, capacity=2), threading.Event()
    for _ in range(2):
        run_later(background, gate.wait)

    with pytest.raises(SlotsBusy) as refused:
        run_later(background, gate.wait)

    assert refused.value.headers["Retry-After"] == "5"
    assert [record.message for record in caplog.records] == ["background.full"]
    gate.set()
    assert background.drain()
    run_later(background, gate.wait)
    assert background.drain()


def test_a_place_without_work_is_free_again(service: Flask) -> None:
    background = Background(service, threads=1, capacity=1)

    for _ in range(2):
        with background.place():
            pass
    run_later(background, lambda: None)
    assert background.drain()


@pytest.mark.parametrize(
    ("error", "event"), [(ValueError("x"), "background.failed"), (Forbidden(), "background.refused")]
)
def test_an_error_is_logged_and_ends_nothing(service: Flask, caplog: Logs, error: Exception, event: str) -> None:
    caplog.set_level("INFO")
    background, done = Background(service, threads=1, capacity=1), threading.Event()
    run_later(background, raising(error))
    assert background.drain()
    assert [record.message for record in caplog.records] == [event]
    run_later(background, done.set)
    assert background.drain()
    assert done.is_set()


def test_waiting_for_what_does_not_end_is_given_up(service: Flask) -> None:
    background, gate = Background(service), threading.Event()
    run_later(background, gate.wait)
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
