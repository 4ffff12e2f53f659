"""`flask users import postgresql://...`: from the database of the first version."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from flask import Flask

from tests.accounts.moving import HASH, emails, flask_users, stored
from tests.api import Api
from tests.factories import PASSWORD
from tests.servers import create_database, shared_postgres

WHOLE = """
CREATE TABLE "Users" (
    id serial PRIMARY KEY, email varchar(255), password varchar(255), "phoneNumber" varchar(255),
    "isVerified" boolean DEFAULT false, "otpSecret" varchar(255),
    "createdAt" timestamptz DEFAULT now(), "updatedAt" timestamptz DEFAULT now())
"""
BARE = 'CREATE TABLE "Users" (email text, password text, "phoneNumber" text)'


@pytest.fixture(scope="session")
def first_version_url(shared_folder: Path) -> str:
    return create_database(shared_postgres(shared_folder), f"first_version_{os.getpid()}")


class FirstVersion:
    """The database of the first version."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, statement: str, *values: object) -> None:
        connection = psycopg2.connect(self.url)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
        connection.close()

    def add(self, number: int, **changes: object) -> None:
        phone_number = f"+1 (415) 200-{number:04d}"
        values = {"email": f"P{number}@Example.com", "password": HASH, "phoneNumber": phone_number, **changes}
        names = ", ".join(f'"{name}"' for name in values)
        self.run(f'INSERT INTO "Users" ({names}) VALUES ({", ".join(["%s"] * len(values))})', *values.values())


@pytest.fixture
def first_version(first_version_url: str) -> Iterator[FirstVersion]:
    database = FirstVersion(first_version_url)
    yield database
    database.run('DROP TABLE IF EXISTS "Users"; DROP ROLE IF EXISTS reader')


def test_users_come_in_from_the_first_version(app: Flask, api: Api, first_version: FirstVersion) -> None:
    first_version.run(WHOLE)
    first_version.add(1, isVerified=True, createdAt="2020-02-03 04:05:06.789+02", otpSecret="canary")
    first_version.add(2)
    result = flask_users(app, "import", first_version.url)
    assert (result.exit_code, result.stdout) == (0, "Imported 2 users.\n")
    ann, bob = stored(app)
    assert (ann.email, ann.phone_number, ann.password_hash) == ("p1@example.com", "+14152000001", HASH)
    assert ann.created_at.isoformat() == "2020-02-03T02:05:06.789000+00:00"
    assert ann.phone_verified_at
    assert bob.phone_verified_at is None
    assert api.post("/auth/login", {"email": "p2@example.com", "password": PASSWORD}).status_code == 200


def test_optional_columns_may_be_missing(app: Flask, first_version: FirstVersion) -> None:
    first_version.run(BARE)
    first_version.add(1)
    first_version.add(2, password=None)
    result = flask_users(app, "import", first_version.url, "--skip-bad")
    assert result.stderr == "row 2: passwordHash is missing\n"
    assert emails(app) == ["p1@example.com"]


def test_bad_users_are_named_by_their_ids(app: Flask, first_version: FirstVersion) -> None:
    first_version.run(WHOLE)
    first_version.add(1, id=40)
    first_version.add(2, id=7, phoneNumber="12", isVerified=None)
    first_version.add(3, id=50, email="p1@EXAMPLE.com")
    result = flask_users(app, "import", first_version.url)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[:2] == [
        "id 7: phoneNumber is not a valid phone number with a country code (or set PHONE_DEFAULT_REGION)",
        "id 50: email is the same as that of id 40",
    ]
    assert stored(app) == []


def test_the_right_to_read_is_enough(app: Flask, first_version: FirstVersion) -> None:
    first_version.run(WHOLE)
    first_version.add(1)
    first_version.run('CREATE ROLE reader LOGIN; GRANT SELECT ON "Users" TO reader')
    url = first_version.url.replace("postgres@", "reader@").replace("postgresql:", "postgres:")
    try:
        assert flask_users(app, "import", url).exit_code == 0
    finally:
        first_version.run("DROP OWNED BY reader")


def test_a_whole_table_is_read_in_the_order_of_its_ids(app: Flask, first_version: FirstVersion) -> None:
    first_version.run(WHOLE)
    first_version.run(
        """INSERT INTO "Users" (id, email, password, "phoneNumber")
        SELECT 5000 - n, 'p' || (5000 - n) || '@example.com', %s, '+1415200' || lpad(n::text, 4, '0')
        FROM generate_series(0, 2499) n""",
        HASH,
    )
    assert flask_users(app, "import", first_version.url).stdout == "Imported 2,500 users.\n"
    assert emails(app) == [f"p{number}@example.com" for number in range(2_501, 5_001)]


def test_a_database_without_the_table_is_told(app: Flask, first_version: FirstVersion) -> None:
    result = flask_users(app, "import", first_version.url)
    assert (result.exit_code, result.stderr) == (
        1,
        'Error: there is no table "Users" in the search path of that database\n',
    )
    first_version.run('CREATE TABLE "Users" (email text)')
    result = flask_users(app, "import", first_version.url)
    assert result.stderr == 'Error: the table "Users" has no column phoneNumber, password\n'


def test_a_database_that_is_away_is_told_without_its_password(app: Flask) -> None:
    result = flask_users(app, "import", "postgresql://somebody:canary@127.0.0.1:1/old")
    assert result.exit_code == 1
    assert "127.0.0.1" in result.stderr
    assert "canary" not in result.stderr
