"""A PgBouncer for tests, in transaction mode: the system's program, which scripts/setup.sh installs."""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self

from tests.servers import keeper
from tests.servers.folder import ServerFolder
from tests.servers.ports import HOST, free_port, is_open
from tests.waiting import wait_until

_FOLDERS = (Path("/usr/sbin"), Path("/usr/local/sbin"), Path("/opt/homebrew/bin"))


class PgBouncer:
    """Shares the connections of one PostgreSQL between transactions. As a context manager it runs inside the block."""

    def __init__(self, *, server_port: int) -> None:
        self.port = free_port()
        self._server_port = server_port
        self._binary = find_pgbouncer()
        self._folder = ServerFolder("pgbouncer", pid_file="pid")

    def url(self, database: str) -> str:
        """The address of a database behind it."""
        return f"postgresql://postgres@{HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Return when connections are accepted."""
        folder = self._folder.path
        (folder / "users").write_text('"postgres" ""\n')
        (folder / "ini").write_text(self._settings())
        user = None
        if os.geteuid() == 0:  # it refuses to run as root
            user = "nobody"
            shutil.chown(folder, user)
        subprocess.run(
            [self._binary, "-d", folder / "ini"],
            check=True,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # out of reach of Ctrl-C
            user=user,
            group=user and pwd.getpwnam(user).pw_gid,
            extra_groups=[] if user else None,
        )
        wait_until(lambda: is_open(self.port))

    def remove(self) -> None:
        """End it and delete its folder."""
        for pid in keeper.pids_in(self._folder.path):
            os.kill(pid, signal.SIGTERM)
        self._folder.remove()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _settings(self) -> str:
        folder = self._folder.path
        settings = {
            "listen_addr": HOST,
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            "max_client_conn": 500,
            "default_pool_size": 20,
            # The first error of a server must not keep its clients waiting for longer than ours do.
            "server_login_retry": 1,
            "server_connect_timeout": 2,
            "query_wait_timeout": 2,
            "pidfile": folder / "pid",
            "logfile": folder / "log",
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        return "\n".join(
            ["[databases]", f"* = host={HOST} port={self._server_port} user=postgres", "[pgbouncer]", *lines, ""]
        )


def find_pgbouncer() -> Path:
    """The program. Raises FileNotFoundError."""
    found = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, _FOLDERS)]))
    if found is None:
        raise FileNotFoundError("No PgBouncer for the tests: install your system's package pgbouncer")
    return Path(found)
