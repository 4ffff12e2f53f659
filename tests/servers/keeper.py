"""Ends a server and removes its folder as soon as no process holds its lock.

As a program (`python keeper.py LOCK FOLDER PID_FILE`) it detaches and waits. Locks go when their holders go, however
they end, so nothing is left behind by a crash, Ctrl-C or kill -9. It imports the standard library alone.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import IO

POLL_SECONDS = 0.02


def hold(lock: Path) -> IO[str]:
    """Be one of the lock's holders until the returned file is closed; waits while a keeper clears up."""
    return _locked(lock, fcntl.LOCK_SH)


def hold_alone(lock: Path) -> IO[str]:
    """Be the lock's only holder until the returned file is closed; waits for all others to go."""
    return _locked(lock, fcntl.LOCK_EX)


def _locked(lock: Path, kind: int) -> IO[str]:
    file = lock.open("a")
    fcntl.flock(file, kind)
    return file


def end(pid_file: Path, *, folder: Path, within_seconds: float = 60) -> None:
    """Shut down the server whose process id is the first line of `pid_file`, running or stopped (paused).

    Returns when its process is gone: Valkey deletes its pid file a moment before it closes its socket.
    """
    pid = _pid(pid_file)
    if pid is None or not _works_in(pid, folder):
        return
    for number in (signal.SIGINT, signal.SIGCONT):
        _send(pid, number)
    deadline = time.monotonic() + within_seconds
    while (pid_file.exists() or pid in pids_in(folder)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    if pid_file.exists():
        _send(pid, signal.SIGKILL)
        pid_file.unlink(missing_ok=True)


def _pid(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _works_in(pid: int, folder: Path) -> bool:
    """Whether to trust a pid file, which may outlive its server and name another process; only /proc can tell."""
    return pid in pids_in(folder) or not Path("/proc/self").exists()


def pids_in(folder: Path) -> set[int]:
    """The processes whose working folder is in there, without zombies; none where there is no /proc."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):  # gone meanwhile, a zombie, or another user's
            if entry.readlink().is_relative_to(folder.resolve()):
                found.add(int(entry.parent.name))
    return found


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def main(lock: Path, folder: Path, pid_file: Path) -> None:
    """Wait in the background, in a session of its own that Ctrl-C does not reach."""
    if os.fork():
        os._exit(0)
    os.setsid()
    with hold_alone(lock):
        end(pid_file, folder=folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
