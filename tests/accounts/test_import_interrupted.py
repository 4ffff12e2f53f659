"""An import that does not come to its end leaves nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from otp_service.accounts import importing, registrations
from otp_service.accounts.importing import Fault, Plan, SourceError
from otp_service.audit import COMMAND_LINE
from tests.accounts.moving import HASH, csv_of, emails, events, report_of, row, stored

# Kills itself with all users written and none committed.
KILLED_WHILE_WRITING = """
import os, signal, sys
from otp_service.accounts import importing
from wsgi import app

class Observer:
    def has_validated(self, count): pass
    def has_written(self, count, total):
        os.kill(os.getpid(), signal.SIGKILL)

with app.app_context():
    importing.run(importing.from_stream(sys.stdin.buffer, kind="csv"), importing.Plan(), Observer())
"""


class Interrupter:
    """Does something once the users are written and before they are committed."""

    def __init__(self, act: Any) -> None:
        self._act = act

    def found_bad(self, fault: Fault) -> None:
        raise AssertionError(fault)

    def has_validated(self, count: int) -> None:
        pass

    def has_written(self, count: int, total: int) -> None:
        self._act()


class Newcomer(Interrupter):
    """Acts between the check and the writing instead."""

    def has_validated(self, count: int) -> None:
        self._act()

    def has_written(self, count: int, total: int) -> None:
        pass


def import_two(app: Flask, tmp_path: Path, watcher: Interrupter) -> None:
    path = tmp_path / "users.csv"
    path.write_text(csv_of(row(1), row(2)))
    with app.app_context(), path.open("rb") as file:
        importing.run(importing.from_stream(file, kind=None), Plan(), watcher)


def test_ctrl_c_leaves_nothing(app: Flask, tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_two(app, tmp_path, Interrupter(interrupt))
    assert (stored(app), events(app)) == ([], [])
    assert report_of(app, csv_of(row(1), row(2)))[0] == 0


def test_kill_9_leaves_nothing(app: Flask, environment: dict[str, str], tmp_path: Path) -> None:
    settings = {**os.environ, **environment, "TMPDIR": str(tmp_path)}
    process = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING],
        input=csv_of(row(1), row(2)).encode(),
        env=settings,
        capture_output=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert (stored(app), events(app), list(tmp_path.iterdir())) == ([], [], [])
    assert report_of(app, csv_of(row(1), row(2)))[0] == 0


def test_who_registers_between_check_and_writing_stops_the_import(app: Flask, tmp_path: Path) -> None:
    def register() -> None:
        registrations.create(
            email="p2@example.com", phone_number="+447400123456", password_hash=HASH, client=COMMAND_LINE
        )

    with pytest.raises(SourceError, match="was registered during the import"):
        import_two(app, tmp_path, Newcomer(register))
    assert emails(app) == ["p2@example.com"]
    assert [event.event for event in events(app)] == ["user.registered"]
