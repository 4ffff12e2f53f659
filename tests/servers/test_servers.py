"""The servers that other tests stand on start, fail on demand and leave nothing behind."""

import json
import multiprocessing
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import redis

from tests.servers import PostgresServer, ValkeyServer, create_database, free_port, shared_postgres
from tests.servers.ports import HOST, is_open, wait_until_closed
from tests.servers.postgres_binaries import find_binaries, reachable_copy
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


def query(url: str, statement: str) -> str:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return str(cursor.fetchone()[0]) if cursor.description else ""
    finally:
        connection.close()


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server((HOST, free_port())) as server:
        assert is_open(server.getsockname()[1])


def test_a_free_port_is_given_once() -> None:
    code = "from tests.servers import free_port; print(*(free_port() for _ in range(200)))"
    taken = {free_port() for _ in range(200)}

    others = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert len(taken) == 200
    assert taken.isdisjoint(map(int, others.stdout.split()))


def test_postgres_is_quick_by_default(postgres: PostgresServer) -> None:
    assert query(postgres.url, "SHOW fsync") == "off"
    assert int(query(postgres.url, "SHOW server_version_num")) >= 140000


def test_a_database_is_new_and_apart_from_others(postgres: PostgresServer) -> None:
    first, second = postgres.create_database("first"), create_database(postgres.url, 'second "one"')
    query(first, "CREATE TABLE t (n int)")

    assert query(second, "SELECT count(*) FROM pg_tables WHERE tablename = 't'") == "0"


def test_postgres_keeps_address_and_data_over_a_stop(postgres: PostgresServer) -> None:
    url = postgres.create_database("kept")
    query(url, "CREATE TABLE kept AS SELECT 41 AS n")

    postgres.stop()
    with pytest.raises(psycopg2.OperationalError):
        query(url, "SELECT 1")
    postgres.start()

    assert query(url, "SELECT n FROM kept") == "41"


def test_postgres_comes_back_from_kill_9_with_what_was_committed(postgres: PostgresServer) -> None:
    url = postgres.create_database("crashed")
    query(url, "SET synchronous_commit = on; CREATE TABLE kept AS SELECT 42 AS n")

    postgres.kill()
    assert not is_open(postgres.port)
    postgres.start()

    assert query(url, "SELECT n FROM kept") == "42"


def test_durable_postgres_syncs_and_a_restart_ends_connections() -> None:
    with PostgresServer(durable=True) as server:
        open_connection = psycopg2.connect(server.url)
        server.restart()

        assert query(server.url, "SHOW fsync") == query(server.url, "SHOW synchronous_commit") == "on"
        with pytest.raises(psycopg2.OperationalError), open_connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        open_connection.close()


def test_nothing_is_left_of_postgres_after_its_block() -> None:
    with PostgresServer() as server:
        folder, port = server.folder, server.port
        assert is_open(port)

    assert not is_open(port)
    assert not folder.exists()


def test_a_copy_of_the_binaries_runs(tmp_path: Path) -> None:
    tmp_path.parent.chmod(0o700)
    hidden = tmp_path / "site-packages"
    copied = reachable_copy(find_binaries(), into=hidden)

    result = subprocess.run([copied / "initdb", "--version"], capture_output=True, text=True, check=True)

    assert "PostgreSQL" in result.stdout


HOLDER = """
import signal, sys, time
from pathlib import Path
from tests.servers import shared_postgres, ValkeyServer
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs in the background
valkey = ValkeyServer()
valkey.start()
print(shared_postgres(Path(sys.argv[1])), valkey.port, flush=True)
time.sleep(600)
"""


def start_holder(folder: Path) -> tuple[subprocess.Popen[str], str, int]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    url, port = process.stdout.readline().split()
    return process, url, int(port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_a_shared_postgres_goes_with_its_last_user_however_that_ends(tmp_path: Path, number: signal.Signals) -> None:
    one, url, one_port = start_holder(tmp_path)
    other, other_url, other_port = start_holder(tmp_path)
    folder = Path(json.loads((tmp_path / "postgres.json").read_text())["folder"])
    assert url == other_url

    for process, port in ((one, one_port), (other, other_port)):
        assert query(url, "SELECT 1") == "1"
        process.send_signal(number)
        process.communicate()
        wait_until_closed(port)  # its own Valkey

    wait_until(lambda: not folder.exists())
    with pytest.raises(psycopg2.OperationalError):
        query(url, "SELECT 1")


def test_workers_that_start_at_once_share_one_postgres(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        urls = pool.map(shared_postgres, [tmp_path] * 3)

    assert len(set(urls)) == 1
    pool.join()


def test_valkey_answers_and_forgets_over_a_stop(valkey: ValkeyServer) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.set("key", "value")
        assert client.get("key") == b"value"

        valkey.stop()
        with pytest.raises(redis.ConnectionError):
            client.get("key")
        valkey.start()

        assert client.get("key") is None


def test_a_paused_valkey_stalls_until_it_resumes(valkey: ValkeyServer) -> None:
    with redis.Redis.from_url(valkey.url) as patient, redis.Redis.from_url(valkey.url, socket_timeout=0.1) as hasty:
        assert patient.ping()

        valkey.pause()
        with pytest.raises(redis.TimeoutError):
            hasty.ping()
        valkey.resume()

        assert patient.ping()


def test_a_paused_valkey_can_still_be_removed() -> None:
    with ValkeyServer() as server:
        server.pause()

    assert not is_open(server.port)
