"""The programs that are measured: PostgreSQL, the simulated Sinch, the service and the bare routes, on free ports."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from benchmarks.hash_limit import COST
from benchmarks.wire import Connection
from config import ROOT
from tests.servers import PostgresServer, free_port

START_SECONDS = 60
STOP_SECONDS = 30
POLL_SECONDS = 0.05
GUNICORN = ("-m", "gunicorn", "-c", "gunicorn.conf.py")
# As in production, save for the provider, which is simulated, and for the limits that one address would run into.
SETTINGS = {
    "APP_ENV": "development",
    "HOST": "127.0.0.1",
    "LOG_FORMAT": "json",
    "RATE_LIMITS_ENABLED": "false",
    "OTP_SENDS_PER_NUMBER_HOUR": "100000",
    "OTP_SENDS_PER_NUMBER_DAY": "100000",
}


@dataclass(frozen=True, slots=True)
class Stack:
    """Where everything listens, on this machine."""

    service_port: int
    bare_port: int
    simulator_port: int
    database_url: str
    environment: dict[str, str] = field(repr=False)
    folder: Path
    cost: int


class StartError(Exception):
    """A program that does not start, and the end of what it said."""


@contextmanager
def running(*, cost: int = COST) -> Iterator[Stack]:
    """Everything runs inside the block and is gone after it; `cost` is that of a password hash. Raises StartError."""
    with ExitStack() as ending:
        folder = Path(tempfile.mkdtemp(prefix="otp-benchmark-"))
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres = ending.enter_context(PostgresServer(durable=True))
        database_url, ports = postgres.create_database("benchmark"), (free_port(), free_port(), free_port())
        env = _environment(database_url, folder, simulator_port=ports[2], cost=cost)
        stack = Stack(*ports, database_url, env, folder, cost)
        simulator = ("-m", "flask", "simulator", "run", "--port", str(stack.simulator_port))
        service, bare = (*GUNICORN, "wsgi:app"), (*GUNICORN, "benchmarks.bare_app:app")
        ending.enter_context(_program("simulator", simulator, folder, env, "/inbox.json"))
        for_service = {"PORT": str(stack.service_port), "MIGRATE_ON_START": "true"}
        ending.enter_context(_program("service", service, folder, env | for_service, "/health"))
        ending.enter_context(_program("bare", bare, folder, env | {"PORT": str(stack.bare_port)}, "/bare"))
        yield stack


def run_command(stack: Stack, *arguments: str) -> bytes:
    """Run `flask ARGUMENTS` to its end; return what it printed. Raises CalledProcessError."""
    command = [sys.executable, "-m", "flask", *arguments]
    return subprocess.run(command, cwd=ROOT, env=stack.environment, check=True, capture_output=True).stdout


def _environment(database_url: str, folder: Path, *, simulator_port: int, cost: int) -> dict[str, str]:
    """The environment without the caller's settings: those of a `.env` file are blanked, which counts as not set."""
    blanks = dict.fromkeys(dotenv_values(ROOT / ".env"), "")
    system = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    places = {
        "DATABASE_URL": database_url,
        "INSTANCE_DIR": str(folder / "instance"),
        "SINCH_BASE_URL": f"http://127.0.0.1:{simulator_port}",
        "PORT": str(simulator_port),
        "PASSWORD_SALT_ROUNDS": str(cost),
    }
    return blanks | system | SETTINGS | places


@contextmanager
def _program(
    name: str, arguments: tuple[str, ...], folder: Path, env: dict[str, str], health_path: str
) -> Iterator[None]:
    """A Python program, out of Ctrl-C's reach, that writes its log to a file; ready when `health_path` answers."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait(process, int(env["PORT"]), health_path, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: "subprocess.Popen[bytes]", port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port, path):
        if process.poll() is not None or time.monotonic() > deadline:
            raise StartError(f"{log.stem} does not start:\n{log.read_text()[-2000:]}")
        time.sleep(POLL_SECONDS)


def _answers(port: int, path: str) -> bool:
    try:
        with Connection(port) as connection:
            return connection.get(path).status == 200
    except OSError:
        return False
