"""A real gunicorn that can be killed, wholly or one worker at a time."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import requests

from tests.factories import Person
from tests.processes import ROOT, Place, Program
from tests.servers import free_port
from tests.waiting import PATIENCE_SECONDS, wait_until

ALLOWED = ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_START")


class Service:
    """`gunicorn -c gunicorn.conf.py wsgi:app` with one worker, as a context manager."""

    def __init__(self, settings: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        mine = {"PORT": str(self.port), "WEB_CONCURRENCY": "1", "GUNICORN_THREADS": "8", "LOG_FORMAT": "json"}
        self._environment = {k: v for k, v in os.environ.items() if k in ALLOWED} | settings | mine
        self._log = log
        self._master: Program

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._master.terminate()
        self._master.wait()

    def start(self) -> None:
        """Return when it answers."""
        place = Place(self._environment, ROOT, self._log, self._log)
        self._master = Program(place, "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app")
        self.wait()

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                requests.get(f"{self.url}/health", timeout=1)
            except requests.RequestException:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"gunicorn does not answer:\n{self._log.read_text()[-3000:]}")

    def kill(self) -> None:
        """`kill -9` for the master and its worker, then start again."""
        self.kill_all()
        self.start()

    def kill_all(self) -> None:
        """`kill -9` for the master and its worker."""
        workers = self._workers()
        self._master.kill()
        self._master.wait()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)

    def kill_worker(self) -> None:
        """`kill -9` for the worker; the master makes a new one."""
        old = self._workers()
        for worker in old:
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not set(self._workers()) & set(old))
        self.wait()

    def post(self, path: str, body: dict[str, Any], **headers: str) -> requests.Response:
        """Call the API. Headers have `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(f"{self.url}/api/v1{path}", json=body, headers=named, timeout=PATIENCE_SECONDS)

    def request_code(self, person: Person) -> int:
        """Ask for a code; the status of the response."""
        return self.post("/auth/request-otp", {"email": person.email}).status_code

    def verify(self, person: Person, code: str) -> int:
        """Try a code; the status of the response."""
        return self.post("/auth/verify-otp", {"email": person.email, "otpCode": code}).status_code

    def _workers(self) -> list[int]:
        children = Path(f"/proc/{self._master.pid}/task/{self._master.pid}/children").read_text()
        return [int(pid) for pid in children.split()]


def quietly(act: Callable[[], object]) -> None:
    """Act as a client whose connection breaks, or who waits in vain."""
    with suppress(requests.RequestException):
        act()
