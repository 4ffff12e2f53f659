"""`flask worker` as a process of its own, beside a mail server and a database."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask

from otp_service import outbox
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from tests.conftest import MakeApp
from tests.mail.mailbox import Mailbox
from tests.processes import ROOT, Place, Program

ALLOWED = ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_START")
TO = "canary.person@example.com"
StartWorker = Callable[..., Program]
Settings = dict[str, str]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server without TLS."""
    with Mailbox() as server:
        yield server


@pytest.fixture
def worker_settings(environment: Settings, mailbox: Mailbox, tmp_path: Path) -> Settings:
    """An instance of its own, the same keys for service and worker."""
    key = "qL4fQXq0k1a6n6c1P7pYwqk0i2m8m3T1xJ9Qh2v5b3c="
    return {**environment, **mailbox.settings, "INSTANCE_DIR": str(tmp_path), "ENCRYPTION_KEY": key}


@pytest.fixture
def service(make_app: MakeApp, worker_settings: Settings) -> Flask:
    """The application that posts."""
    return make_app(**worker_settings)


@pytest.fixture
def worker_log(tmp_path: Path) -> Path:
    """What the workers said."""
    return tmp_path / "worker.log"


@pytest.fixture
def start_worker(worker_settings: Settings, worker_log: Path) -> Iterator[StartWorker]:
    """Starts workers; ends those that still run."""
    environment = {name: value for name, value in os.environ.items() if name in ALLOWED}
    with ExitStack() as stack:

        def start(**settings: str) -> Program:
            place = Place({**environment, **worker_settings, **settings}, ROOT, worker_log, worker_log)
            return stack.enter_context(Program(place, "flask", "--app", "wsgi:app", "worker"))

        yield start


def post(app: Flask, count: int = 1) -> None:
    """Put messages into the outbox."""
    with app.app_context():
        for _ in range(count):
            with transaction():
                outbox.enqueue("recovery", to=TO, locale="en", now=clock.now())
