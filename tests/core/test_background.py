"""Work that goes on after the answer: bounded, finished at a stop, and never a fault of the request."""

import threading
import time
from collections.abc import Callable

import pytest
from flask import Flask, current_app

from otp_service.core.background import HEAD_START_SECONDS, Background
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
    background.run_later("work", lambda: seen.append((current_app.name, time.monotonic() - started)))
    assert background.drain()
    ((name, waited),) = seen
    assert name == "test"
    assert waited >= HEAD_START_SECONDS


def test_what_does_not_fit_is_dropped_and_logged(service: Flask, caplog: Logs) -> None:
    background, gate = Background(service, threads=1, capacity=2), threading.Event()
    assert [background.run_later("work", gate.wait) for _ in range(3)] == [True, True, False]
    assert [record.message for record in caplog.records] == ["background.dropped"]
    gate.set()
    assert background.drain()
    assert background.run_later("work", gate.wait)
    assert background.drain()


@pytest.mark.parametrize(
    ("error", "event"), [(ValueError("x"), "background.failed"), (Forbidden(), "background.refused")]
)
def test_an_error_is_logged_and_ends_nothing(service: Flask, caplog: Logs, error: Exception, event: str) -> None:
    caplog.set_level("INFO")
    background, done = Background(service, threads=1, capacity=1), threading.Event()
    background.run_later("work", raising(error))
    assert background.drain()
    assert [record.message for record in caplog.records] == [event]
    assert background.run_later("work", done.set)
    assert background.drain()
    assert done.is_set()


def test_waiting_for_what_does_not_end_is_given_up(service: Flask) -> None:
    background, gate = Background(service), threading.Event()
    background.run_later("work", gate.wait)
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
