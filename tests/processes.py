"""Starts the service's programs as processes of their own, forked from one that has imported everything.

To start Python and to import the service takes more than a second of the processor each time. A forked process has
done both already, and is otherwise as real: it has its own memory, signals, connections and exit code.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Self

from tests.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[1]
ALSO_IMPORTED = (
    "flask.cli",
    "gunicorn.app.wsgiapp",
    "gunicorn.workers.gthread",
    "alembic.command",
    "pytest",
    "tests.processes",
)

_context = multiprocessing.get_context("forkserver")


def _modules() -> list[str]:
    """All modules of the service: which of them a program needs is its own affair."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in (ROOT / "otp_service").rglob("*.py"))
    names = {".".join(path.parts).removesuffix(".__init__") for path in paths if path.name != "__main__"}
    return sorted(names) + list(ALSO_IMPORTED)


_context.set_forkserver_preload(_modules())


@dataclass(frozen=True)
class Place:
    """Where a program runs: its environment, its folder, and the files for what it reads and writes."""

    environment: dict[str, str]
    folder: Path
    output: Path
    complaints: Path
    stdin: Path = Path(os.devnull)


class Program:
    """`python -m MODULE ARGUMENTS`, running. Output is appended to the files of its place."""

    def __init__(self, place: Place, module: str, *arguments: str) -> None:
        self.place = place
        self._process: ForkServerProcess = _context.Process(target=_run, args=(place, module, arguments))
        self._process.start()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    def wait(self) -> int:
        """Return the exit code, once there is one; minus the number of the signal that killed it."""
        self._process.join(PATIENCE_SECONDS)
        assert self._process.exitcode is not None, "it never ended"
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_running:
            self.kill()
        self.wait()


@dataclass(frozen=True)
class Ended:
    """What a program left behind."""

    code: int
    output: str
    complaints: str


class FlaskCommand:
    """The flask command, as an operator runs it in a folder of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *, working_folder: Path = ROOT) -> None:
        self._folder = folder
        self._environment = {"PATH": os.environ["PATH"], **environment}
        self._working_folder = working_folder
        self._serial = 0

    def start(self, *arguments: str, stdin: str = "") -> Program:
        """Start `flask ARGUMENTS`."""
        self._serial += 1
        files = [self._folder / f"{kind}-{self._serial}" for kind in ("stdout", "stderr", "stdin")]
        files[2].write_text(stdin)
        place = Place(self._environment, self._working_folder, *files)
        return Program(place, "flask", "--app", f"{ROOT / 'wsgi.py'}:app", *arguments)

    def run(self, *arguments: str, stdin: str = "") -> Ended:
        """Run `flask ARGUMENTS` to its end."""
        return ended(self.start(*arguments, stdin=stdin))


def ended(program: Program) -> Ended:
    """Wait for a program to end by itself."""
    code = program.wait()
    return Ended(code, program.place.output.read_text(), program.place.complaints.read_text())


def _run(place: Place, module: str, arguments: tuple[str, ...]) -> None:
    """Become the program; in the forked process."""
    os.environ.clear()
    os.environ.update(place.environment)
    os.chdir(place.folder)
    for number, path in enumerate((place.stdin, place.output, place.complaints)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(path, flags, 0o600), number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        number = ("stdin", "stdout", "stderr").index(name)
        setattr(sys, name, os.fdopen(number, mode, buffering=1, encoding="utf-8", closefd=False))
    sys.argv = [module, *arguments]
    sys.path[0] = str(place.folder)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # multiprocessing would end without
