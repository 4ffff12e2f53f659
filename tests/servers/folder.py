"""The temporary folder of one server, tied to the processes that use the server."""

import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from tests.servers import keeper

TEMP_FOLDERS = (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")


class ServerFolder:
    """Exists, as does the server in it, until `remove()` or until the last holder of `lock` has ended."""

    def __init__(self, name: str, *, pid_file: str, lock: Path | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"otp-{name}-", dir=_parent_for_any_user()))
        self.pid_file = self.path / pid_file
        lock = lock or self.path / "lock"
        self._lease = keeper.hold(lock)
        # A run() of a program that detaches itself: no child is left to wait for.
        subprocess.run(
            [sys.executable, "-I", "-S", keeper.__file__, lock, self.path, self.pid_file],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end_server(self) -> None:
        """Shut the server down, when it runs."""
        keeper.end(self.pid_file, folder=self.path)

    def remove(self) -> None:
        """End the server and delete everything."""
        self.end_server()
        shutil.rmtree(self.path, ignore_errors=True)
        self._lease.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def is_open_to_all(path: Path) -> bool:
    """Whether every user may pass through `path` and all folders above it."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def _parent_for_any_user() -> str:
    """The usual temporary folder may be one's own alone, where a server that drops root could not enter."""
    return next(folder for folder in TEMP_FOLDERS if Path(folder).is_dir() and is_open_to_all(Path(folder)))
