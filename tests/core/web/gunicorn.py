"""The service as it is deployed: a real gunicorn on a free port of loopback."""

import json
import os
import re
import shutil
import socket
from pathlib import Path
from typing import Any, Self

from flask_migrate import upgrade

from config import Config
from otp_service.application import create_app
from otp_service.extensions import db
from tests.processes import ROOT, Place, Program
from tests.servers.ports import HOST, free_port, is_open
from tests.waiting import PATIENCE_SECONDS, wait_until

CLOSE = b"Host: localhost\r\nConnection: close\r\n"


class Gunicorn:
    """One server with its workers. As a context manager it runs inside the block."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self._new_database = None if "DATABASE_URL" in settings else folder / "service.db"
        self._log = folder / f"gunicorn-{self.port}.log"
        self._env = {
            "PATH": os.environ["PATH"],
            "HOST": HOST,
            "PORT": str(self.port),
            "APP_ENV": "development",
            "INSTANCE_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder}/service.db",
            "MIGRATE_ON_START": "true",
            "WEB_CONCURRENCY": "1",
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "DEBUG",
            "SINCH_BASE_URL": "http://127.0.0.1:9",
            "REDIS_URL": "",
            **settings,
        }

    def __enter__(self) -> Self:
        if self._new_database is not None and not self._new_database.exists():
            shutil.copy(migrated_database(self._new_database.parent), self._new_database)
        place = Place(self._env, ROOT, self._log, self._log)
        self._process = Program(place, "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app")
        wait_until(lambda: is_open(self.port) or not self._process.is_running)
        if not self._process.is_running:
            raise RuntimeError(f"gunicorn does not start:\n{self.log}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_running:
            self._process.terminate()
            self._process.wait()

    @property
    def process(self) -> Program:
        """The master."""
        return self._process

    @property
    def worker_pids(self) -> list[int]:
        """The processes that serve, as far as the log names them."""
        return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.log)]

    @property
    def log(self) -> str:
        """All that it wrote."""
        return self._log.read_text()

    def send(self, head: bytes, body: bytes = b"") -> "Answer":
        """Send a request line, header lines and a body as they are, and read until the connection ends."""
        with socket.create_connection((HOST, self.port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(head + CLOSE + b"\r\n" + body)
            received = b""
            while part := connection.recv(65_536):
                received += part
        return Answer(received)

    def call(self, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> "Answer":
        """POST a JSON body to the API, or GET when there is none."""
        content = b"" if body is None else json.dumps(body).encode()
        lines = {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
        if token is not None:
            lines["Authorization"] = f"Bearer {token}"
        head = f"{'GET' if body is None else 'POST'} /api/v1{path} HTTP/1.1\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return self.send(head.encode("latin-1"), content)


def migrated_database(folder: Path) -> Path:
    """A database at the newest migration, made once for all servers: to migrate is the longest part of a start."""
    file = folder.parent / "migrated.db"
    if not file.exists():
        app = create_app(Config.from_env({"INSTANCE_DIR": str(folder), "DATABASE_URL": f"sqlite:///{file}"}))
        with app.app_context():
            upgrade(directory="migrations")
            db.engine.dispose()
    return file


class Answer:
    """An answer as it came over the wire."""

    def __init__(self, received: bytes) -> None:
        head, _, self.body = received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status_line.split()[1])
        pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        self.headers = dict(pairs)
        self.cookies = [value.partition(";")[0] for name, value in pairs if name == "set-cookie"]

    @property
    def json(self) -> dict[str, Any]:
        """The body, parsed."""
        return dict(json.loads(self.body))
