"""Addresses of databases: every usual spelling leads there, and a badly encoded password shows nowhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from config import Config
from otp_service.application import create_app
from otp_service.core.database.transactions import fetch_all
from otp_service.extensions import db
from tests.environments import load, refuse
from tests.processes import FlaskCommand
from tests.servers import PostgresServer, free_port

SECRET = "hunter2"
TAIL = "VerySecretTail"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of these tests' own."""
    with PostgresServer() as running:
        yield running


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://otp:{}@{}@host/otp",
        "postgres://otp:{}@{}@host:5432/otp?sslmode=require",
        "postgresql://otp:{}@{}@one,two/otp",
        "redis://:{}@{}@host:6379/0",
        "rediss://user:{}@{}@host/0",
        "redis://user:{}/{}@host/0",
        "redis://user:12/{}{}@host/0",
        "redis://:{}#{}@host/0",
        "redis://:{}?{}@host/0",
    ],
)
def test_an_address_with_a_badly_encoded_password_is_rejected_and_not_shown(tmp_path: Path, address: str) -> None:
    name = "REDIS_URL" if address.startswith("redis") else "DATABASE_URL"

    faults = refuse(tmp_path, **{name: address.format(SECRET, TAIL)})

    assert len(faults) == 1
    assert faults[0].startswith(f"{name}: ")
    assert "encode @ as %40" in faults[0]
    assert not any(part in faults[0] for part in (SECRET, TAIL, "host"))


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
@pytest.mark.parametrize("command", ["doctor", "db upgrade", "users list"])
def test_no_command_shows_a_badly_encoded_password(tmp_path: Path, name: str, command: str) -> None:
    scheme = "redis" if name == "REDIS_URL" else "postgresql"
    environment = {"INSTANCE_DIR": str(tmp_path), name: f"{scheme}://otp:{SECRET}@{TAIL}@host/1"}

    ended = FlaskCommand(tmp_path, environment).run(*command.split())

    assert ended.code != 0
    assert f"{name}: has an @" in ended.complaints
    assert not any(part in ended.output + ended.complaints for part in (SECRET, TAIL, "Traceback"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://otp:a%40b@host/otp",
        "postgresql://otp:a/b@host/otp",
        "postgresql://host/otp?user=otp&password=a",
        "sqlite:////tmp/with@sign/and@another.db",
    ],
)
def test_what_is_no_fault_of_encoding_is_accepted(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, DATABASE_URL=url).stores.database_url


@pytest.mark.parametrize("password", ["a@b", "a/b", "a?b#c", "a:b@c@d"])
def test_an_encoded_password_arrives_as_it_is(tmp_path: Path, password: str) -> None:
    encoded = "".join(f"%{ord(letter):02X}" for letter in password)

    app = create_app(load(tmp_path, DATABASE_URL=f"postgresql://otp:{encoded}@host/otp"))

    with app.app_context():
        assert db.engine.url.password == password


@pytest.mark.parametrize(
    "url", ["postgresql://otp:canary@host/otp", "postgresql://host/otp?user=otp&password=canary&sslpassword=canary"]
)
def test_the_place_of_a_database_shows_no_password(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, DATABASE_URL=url).stores.place == "host/otp"


def version(folder: Path, **settings: str) -> str:
    """Ask the database that the settings lead to."""
    app = create_app(Config.from_env({"INSTANCE_DIR": str(folder), **settings}))
    with app.app_context():
        found = str(fetch_all(text("SELECT current_setting('server_version')"))[0][0])
        db.engine.dispose()
    return found


def test_several_hosts_lead_to_the_one_that_takes_writes(tmp_path: Path, server: PostgresServer) -> None:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{server.port}"

    assert version(tmp_path, DATABASE_URL=f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write")


@pytest.mark.parametrize("host", ["{folder}", "127.0.0.1,127.0.0.1", "127.0.0.1"])
def test_db_host_is_a_host_several_or_a_folder(tmp_path: Path, server: PostgresServer, host: str) -> None:
    settings = {"DB_PORT": str(server.port), "DB_NAME": "postgres"}

    assert version(tmp_path, DB_HOST=host.format(folder=server.folder), **settings)


@pytest.mark.parametrize(
    "form", ["postgresql://postgres@{}:{}/postgres", "postgresql://postgres@/postgres?host={}&port={}"]
)
def test_an_address_may_name_the_folder_of_a_socket(tmp_path: Path, server: PostgresServer, form: str) -> None:
    folder = str(server.folder).replace("/", "%2F")

    assert version(tmp_path, DATABASE_URL=form.format(folder, server.port))


@pytest.mark.parametrize("url", ["postgresql://one:x,two/d", "postgresql://one,two:99:3/d", "postgresql://[::1,two/d"])
def test_faulty_hosts_are_rejected(tmp_path: Path, url: str) -> None:
    assert refuse(tmp_path, DATABASE_URL=url)[0].startswith("DATABASE_URL: is no database address")


@pytest.mark.parametrize("host", ["otp:canary@host", "postgresql://host", "one,,two"])
def test_a_db_host_that_is_no_host_is_rejected(tmp_path: Path, host: str) -> None:
    (fault,) = refuse(tmp_path, DB_HOST=host)

    assert fault.startswith("DB_HOST: ")
    assert "canary" not in fault


def test_options_in_the_address_win_over_ours(tmp_path: Path) -> None:
    options = load(tmp_path, DATABASE_URL="postgresql://host/otp?connect_timeout=9&keepalives_idle=30").stores

    assert not {"connect_timeout", "keepalives_idle"} & options.connection_options.keys()
    assert options.connection_options["tcp_user_timeout"] == 3000
