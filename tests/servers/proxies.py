"""Reverse proxies for tests: the system's nginx and Caddy, each with a configuration of deploy/."""

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from tests.servers.folder import ServerFolder
from tests.servers.ports import is_open
from tests.waiting import PATIENCE_SECONDS, wait_until

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"])


def find_proxy(program: str) -> str | None:
    """Return the path of the program, if it is installed."""
    return shutil.which(program, path=_PATH)


class Proxy(ABC):
    """One proxy that listens on a port, which its configuration names. As a context manager it runs in the block."""

    program: str

    def __init__(self, configuration: str, *, port: int) -> None:
        self._configuration = configuration
        self._port = port
        self._folder = ServerFolder(self.program, pid_file="pid")

    def __enter__(self) -> Self:
        folder = self._folder.path
        self._write(folder, self._configuration)
        with (folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [find_proxy(self.program) or self.program, *self._arguments(folder)],
                cwd=folder,
                env={"PATH": _PATH, "HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # out of reach of Ctrl-C
            )
        self._folder.pid_file.write_text(str(self._process.pid))
        try:
            self._wait(folder / "output")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self, output: Path) -> None:
        has_ended = self._process.poll
        wait_until(lambda: is_open(self._port) or has_ended() is not None, otherwise=output.read_text)
        assert has_ended() is None, output.read_text()

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)
        self._folder.remove()

    @abstractmethod
    def _write(self, folder: Path, configuration: str) -> None:
        """Write what the program reads."""

    @abstractmethod
    def _arguments(self, folder: Path) -> list[str]:
        """Return the arguments under which it stays in the foreground and keeps to its folder."""


class Nginx(Proxy):
    """An nginx whose http block includes the configuration."""

    program = "nginx"

    def _write(self, folder: Path, configuration: str) -> None:
        (folder / "site.conf").write_text(configuration)
        places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        kept = " ".join(f"{place}_temp_path {folder}/{place};" for place in places)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(
            f"{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;\n"
            f"events {{}}\nhttp {{ access_log off; {kept} include {folder}/site.conf; }}\n"
        )

    def _arguments(self, folder: Path) -> list[str]:
        return ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


class Caddy(Proxy):
    """A Caddy with the configuration and no administration."""

    program = "caddy"

    def _write(self, folder: Path, configuration: str) -> None:
        (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n}}\n{configuration}")

    def _arguments(self, folder: Path) -> list[str]:
        return ["run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


INSTALLED: list[type[Proxy]] = [kind for kind in (Nginx, Caddy) if find_proxy(kind.program)]
"""The kinds that can be tested here: `.ci/run` installs both."""
