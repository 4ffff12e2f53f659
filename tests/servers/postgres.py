"""A PostgreSQL server for tests, in a temporary folder, and one that all workers of a test run share."""

import json
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self

import psycopg2
from psycopg2 import sql

from tests.servers import keeper
from tests.servers.folder import ServerFolder
from tests.servers.ports import HOST, free_port, wait_until_closed
from tests.servers.postgres_binaries import find_binaries, reachable_copy
from tests.waiting import wait_until

SETTINGS = {
    "listen_addresses": HOST,
    "max_connections": "300",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
INITDB = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions")

_leases: list[object] = []  # of shared servers, and the server itself; held until this process ends


class PostgresServer:
    """One server. As a context manager it runs inside the block and is deleted after it.

    By default a crash of the machine would lose data, and a commit is quick; `durable=True` is as in production.
    Either way `kill()` loses nothing that was committed with `synchronous_commit=on`.
    """

    def __init__(self, *, durable: bool = False, lock: Path | None = None) -> None:
        self.port = free_port()
        self._folder = ServerFolder("postgres", pid_file="data/postmaster.pid", lock=lock)
        self._user = _user_without_root(self._folder.path)
        self._bin = find_binaries()
        if self._user:
            self._bin = reachable_copy(self._bin, into=self._folder.path / "postgres")
        self._settings = SETTINGS | ({} if durable else QUICK)

    @property
    def folder(self) -> Path:
        """Holds the data, the log and the unix socket."""
        return self._folder.path

    @property
    def url(self) -> str:
        """The address of the database `postgres`; it stays the same over a restart."""
        return f"postgresql://postgres@{HOST}:{self.port}/postgres"

    def start(self) -> None:
        """Return when connections are accepted; the first start creates the data."""
        if not (self.folder / "data").exists():
            self._create_data()
        if not self._pg_ctl("start", "-l", "log"):
            raise RuntimeError(f"PostgreSQL does not start:\n{self._log()[-2000:]}")

    def stop(self) -> None:
        """Shut down in order, ending every connection; `start()` brings the same data back."""
        if not self._pg_ctl("stop", "-m", "fast"):
            raise RuntimeError(f"PostgreSQL does not stop:\n{self._log()[-2000:]}")

    def restart(self) -> None:
        """Stop and start: same address, same data."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it as `kill -9` does; `start()` then recovers from the log."""
        pid = int(self._folder.pid_file.read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        wait_until_closed(self.port)
        wait_until(lambda: not keeper.pids_in(self.folder))
        # Where nobody reaps the dead (process 1 of a container), these would pass for a running server's.
        for left in (self._folder.pid_file, *self.folder.glob(".s.PGSQL.*")):
            left.unlink()

    def pause(self) -> None:
        """Freeze all its processes: the system goes on accepting connections, and nothing is answered."""
        for pid in keeper.pids_in(self.folder):
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Answer again."""
        for pid in keeper.pids_in(self.folder):
            os.kill(pid, signal.SIGCONT)

    def create_database(self, name: str, *, encoding: str = "UTF8") -> str:
        """The address of a new, empty database."""
        return create_database(self.url, name, encoding=encoding)

    def remove(self) -> None:
        """End the server and delete its data."""
        self._folder.remove()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _create_data(self) -> None:
        self._run("initdb", "-D", "data", *INITDB, check=True)
        settings = self._settings | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(lines)

    def _pg_ctl(self, command: str, *options: str) -> bool:
        return self._run("pg_ctl", command, "-w", "-t", "120", "-s", "-D", str(self.folder / "data"), *options) == 0

    def _run(self, program: str, *arguments: str, check: bool = False) -> int:
        """Output goes to a file: a server that inherits a pipe would keep its reader waiting."""
        with (self.folder / "output").open("ab") as output:
            result = subprocess.run(
                [self._bin / program, *arguments],
                check=False,
                cwd=self.folder,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # out of reach of Ctrl-C
                user=self._user,
                group=self._user and pwd.getpwuid(self._user).pw_gid,
                extra_groups=[] if self._user else None,
            )
        if check and result.returncode:
            raise RuntimeError(f"{program} failed:\n{(self.folder / 'output').read_text()[-2000:]}")
        return result.returncode

    def _log(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else (self.folder / "output").read_text()


def create_database(url: str, name: str, *, encoding: str = "UTF8") -> str:
    """Create an empty database on the server at `url`; returns the new database's address."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            statement = sql.SQL("CREATE DATABASE {} ENCODING {} TEMPLATE template0")
            cursor.execute(statement.format(sql.Identifier(name), sql.Literal(encoding)))
    finally:
        connection.close()
    return f"{url.rpartition('/')[0]}/{name}"


def shared_postgres(meeting_folder: Path) -> str:
    """The address of the one server for all processes that name the same folder.

    The first to call starts it; it goes when the last of them has ended, in whatever way.
    """
    address = meeting_folder / "postgres.json"
    with keeper.hold_alone(meeting_folder / "postgres.start"):
        _leases.append(keeper.hold(meeting_folder / "postgres.users"))
        if address.exists():
            known = json.loads(address.read_text())
            if Path(known["folder"]).exists():
                return str(known["url"])
        server = PostgresServer(lock=meeting_folder / "postgres.users")
        server.start()
        _leases.append(server)
        address.write_text(json.dumps({"url": server.url, "folder": str(server.folder)}))
        return server.url


def _user_without_root(folder: Path) -> int | None:
    """PostgreSQL refuses to run as root: then the folder is given to `nobody`, whose number is returned."""
    if os.geteuid() != 0:
        return None
    shutil.chown(folder, "nobody")
    return pwd.getpwnam("nobody").pw_uid
