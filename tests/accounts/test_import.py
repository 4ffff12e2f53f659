"""`flask users import`: all or nothing, old passwords included."""

import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from flask import Flask

from otp_service.core.crypto import hashing
from tests.accounts.moving import (
    HASH,
    csv_of,
    emails,
    events,
    faults_of,
    flask_users,
    json_of,
    report_of,
    row,
    stored,
)
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import PASSWORD, make_person

SHAPES = pytest.mark.parametrize("shape", [csv_of, json_of])


@SHAPES
def test_users_come_in_with_all_that_is_known_of_them(app: Flask, shape: Any) -> None:
    details = {
        "createdAt": "2021-03-04T05:06:07.089Z",
        "displayName": "Ann",
        "locale": "en_US",
        "isVerified": True,
        "isLocked": True,
    }
    assert report_of(app, shape(row(1, **details)))[0] == 0
    (user,) = stored(app)
    assert (user.email, user.phone_number, user.password_hash) == ("p1@example.com", "+14152000001", HASH)
    assert user.created_at.isoformat() == "2021-03-04T05:06:07.089000+00:00"
    assert (user.display_name, user.locale) == ("Ann", "en-US")
    assert user.phone_verified_at
    assert user.locked_at
    assert user.email_verified_at is None


@SHAPES
def test_only_address_number_and_hash_are_needed(app: Flask, shape: Any) -> None:
    assert report_of(app, shape(row(1)))[0] == 0
    (user,) = stored(app)
    assert user.created_at == user.password_changed_at
    assert (user.phone_verified_at, user.locked_at, user.display_name, user.locale) == (None, None, None, None)


def test_addresses_and_numbers_in_any_spelling_become_one(app: Flask) -> None:
    spelled = row(1, email="Ann.Smith@EXAMPLE.com", phoneNumber="0044 7400 123-456")
    assert report_of(app, json_of(spelled))[0] == 0
    assert (stored(app)[0].email, stored(app)[0].phone_number) == ("ann.smith@example.com", "+447400123456")


def test_an_old_password_in_decomposed_letters_signs_in_and_is_then_hashed_composed(app: Flask, api: Api) -> None:
    typed = unicodedata.normalize("NFD", "Grüße-Zürich-7")
    old = bcrypt.hashpw(typed.encode(), bcrypt.gensalt(4)).decode()
    report_of(app, json_of(row(1, passwordHash=old)))

    first = api.post("/auth/login", {"email": "p1@example.com", "password": typed})

    assert first.status_code == 200, first.json
    (user,) = stored(app)
    assert user.password_hash.startswith("$bcrypt-sha256$")
    for password in (typed, unicodedata.normalize("NFC", typed)):
        assert api.post("/auth/login", {"email": "p1@example.com", "password": password}).status_code == 200
    wrong = api.post("/auth/login", {"email": "p1@example.com", "password": f"{typed}\u0308"})
    assert wrong.status_code == 401


def test_a_default_region_stands_in_for_the_country_code(app: Flask, make_app: MakeApp) -> None:
    national = json_of(row(1, phoneNumber="(415) 555-2671"))
    assert faults_of(app, national) == {
        1: ["phoneNumber is not a valid phone number with a country code (or set PHONE_DEFAULT_REGION)"]
    }
    assert report_of(make_app(PHONE_DEFAULT_REGION="US"), national)[0] == 0
    assert stored(app)[0].phone_number == "+14155552671"


@pytest.mark.parametrize("prefix", ["2a", "2b", "2y"])
@pytest.mark.parametrize("cost", [4, 7, 10])
@pytest.mark.one_database
def test_an_old_password_signs_in_and_its_hash_is_made_anew(app: Flask, api: Api, prefix: str, cost: int) -> None:
    old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(cost)).decode().replace("$2b$", f"${prefix}$", 1)
    report_of(app, json_of(row(1, passwordHash=old)))
    login = {"email": "P1@example.com", "password": PASSWORD}
    assert api.post("/auth/login", {**login, "password": "Wrong-Horse-7"}).status_code == 401
    assert api.post("/auth/login", login).status_code == 200
    assert stored(app)[0].password_hash.startswith("$bcrypt-sha256$")
    assert api.post("/auth/login", login).status_code == 200


def test_hashes_above_our_cost_are_counted_and_end_with_the_first_sign_in(app: Flask, api: Api) -> None:
    dear = hashing.hash_password(PASSWORD, cost=6)
    users = json_of(row(1), row(2, passwordHash=dear))
    told = flask_users(app, "import", "-", stdin=users).stderr
    assert "1 of the hashes cost more than PASSWORD_SALT_ROUNDS=4." in told
    assert "PASSWORD_SALT_ROUNDS=6 hides them." in told
    assert api.post("/auth/login", {"email": "p2@example.com", "password": PASSWORD}).status_code == 200
    assert "r=4$" in stored(app)[1].password_hash


def test_our_own_hashes_sign_in_as_they_are(app: Flask, api: Api) -> None:
    own = hashing.hash_password(PASSWORD, cost=4)
    report_of(app, json_of(row(1, passwordHash=own)))
    assert api.post("/auth/login", {"email": "p1@example.com", "password": PASSWORD}).status_code == 200
    assert stored(app)[0].password_hash == own


def test_a_locked_user_stays_locked(app: Flask, api: Api) -> None:
    report_of(app, json_of(row(1, isLocked=True)))
    assert api.post("/auth/login", {"email": "p1@example.com", "password": PASSWORD}).status_code == 401


@SHAPES
def test_one_bad_line_and_nothing_is_imported(app: Flask, shape: Any) -> None:
    code, report = report_of(app, shape(row(1), row(2, email="nobody"), row(3)))
    line = 3 if shape is csv_of else 2
    assert code == 1
    assert report["faults"] == [{"line": line, "reasons": ["email is not an e-mail address"]}]
    assert (report["read"], report["good"], report["bad"], report["imported"]) == (3, 2, 1, 0)
    assert (stored(app), events(app)) == ([], [])


@SHAPES
def test_with_skip_bad_the_good_ones_are_imported(app: Flask, shape: Any) -> None:
    code, report = report_of(app, shape(row(1), row(2, email="nobody"), row(3)), "--skip-bad")
    assert (code, report["bad"], report["imported"]) == (0, 1, 2)
    assert emails(app) == ["p1@example.com", "p3@example.com"]


def test_a_dry_run_says_all_and_writes_nothing(app: Flask) -> None:
    assert report_of(app, csv_of(row(1)), "--dry-run") == (
        0,
        {"source": "csv", "dryRun": True, "read": 1, "good": 1, "bad": 0, "imported": 0, "dearer": 0, "faults": []},
    )
    assert report_of(app, csv_of(row(1, email="x")), "--dry-run")[0] == 1
    assert report_of(app, csv_of(row(1, email="x")), "--dry-run", "--skip-bad")[0] == 0
    assert (stored(app), events(app)) == ([], [])


def test_all_that_is_wrong_with_a_line_is_told_at_once(app: Flask) -> None:
    bad = {"email": "x", "phoneNumber": "1", "isVerified": "yes", "passwordHash": "$argon2id$v=19"}
    assert faults_of(app, json_of(bad)) == {
        1: [
            "email is not an e-mail address",
            "phoneNumber is not a valid phone number with a country code (or set PHONE_DEFAULT_REGION)",
            "isVerified must be true or false",
            "passwordHash has an unknown format (supported are bcrypt's $2a$, $2b$, $2y$ and $bcrypt-sha256$)",
        ]
    }


def test_who_is_there_twice_after_canonicalisation_is_named_with_the_first(app: Flask) -> None:
    lines = json_of(row(1), row(2, email="P1@EXAMPLE.com"), row(3, phoneNumber="001 (415) 200 0001"), row(4))
    assert faults_of(app, lines) == {
        2: ["email is the same as that of line 1"],
        3: ["phoneNumber is the same as that of line 1"],
    }
    report_of(app, lines, "--skip-bad")
    assert emails(app) == ["p1@example.com", "p4@example.com"]


def test_a_bad_line_does_not_claim_its_address(app: Flask) -> None:
    lines = json_of(row(1, passwordHash="x"), row(1), row(1))
    assert list(faults_of(app, lines)) == [1, 3]


def test_who_is_registered_here_already_is_named(app: Flask) -> None:
    person = make_person(app)
    lines = json_of(row(1, email=person.email.upper()), row(2, phoneNumber=person.phone_number), row(3))
    assert faults_of(app, lines) == {
        1: ["email is already registered here"],
        2: ["phoneNumber is already registered here"],
    }


def test_a_second_run_with_skip_bad_brings_those_who_came_since(app: Flask) -> None:
    report_of(app, json_of(row(1)))
    assert report_of(app, json_of(row(1), row(2)), "--skip-bad")[1]["imported"] == 1
    assert emails(app) == ["p1@example.com", "p2@example.com"]


def test_one_audit_event_tells_of_the_run_and_one_of_each_user(app: Flask) -> None:
    report_of(app, json_of(row(1), row(2), row(3, email="x")), "--skip-bad")
    *users, event = events(app)
    assert [(one.event, one.user_id, one.facts) for one in users] == [
        ("user.imported", account.id, {"verified": False}) for account in stored(app)
    ]
    assert (event.event, event.user_id) == ("users.imported", None)
    assert event.facts == {"imported": 2, "leftOut": 1, "source": "jsonl"}


def test_people_read_text(app: Flask) -> None:
    good, bad = json_of(row(1)), json_of(row(1), row(2, email="x"))
    refused = flask_users(app, "import", "-", stdin=bad)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == (
        "line 2: email is not an e-mail address\n"
        "1 of 2 users cannot be imported; nothing was imported. Fix them, or leave them out with --skip-bad.\n"
    )
    assert flask_users(app, "import", "-", "--dry-run", stdin=good).stdout == (
        "1 user can be imported. Nothing was written.\n"
    )
    assert flask_users(app, "import", "-", "--skip-bad", stdin=bad).stdout == (
        "Imported 1 user; left out 1 that cannot be imported.\n"
    )


def test_no_address_number_or_hash_is_printed(app: Flask) -> None:
    bad = json_of(row(1), row(1), row(2, email="secret-person", phoneNumber="+49999", passwordHash="$2b$99$canary"))
    printed = flask_users(app, "import", "-", stdin=bad).output
    assert not [word for word in ("p1@", "secret", "49999", "canary", "4152") if word in printed]


@pytest.mark.parametrize(("name", "shape"), [("u.csv", csv_of), ("u.jsonl", json_of), ("u.txt", json_of)])
def test_a_file_tells_its_format_by_itself(app: Flask, tmp_path: Path, name: str, shape: Any) -> None:
    path = tmp_path / name
    path.write_text(shape(row(1)))
    assert flask_users(app, "import", path).exit_code == 0
    assert emails(app) == ["p1@example.com"]


def test_the_format_can_be_told(app: Flask) -> None:
    assert report_of(app, "", "--format", "jsonl")[0] == 0
    wrong = flask_users(app, "import", "-", "--format", "csv", stdin=json_of(row(1)))
    assert wrong.exit_code == 1
    assert "column 1 is unknown" in wrong.stderr


def test_on_a_terminal_progress_is_one_line_that_goes_away(app: Flask, environment: dict[str, str]) -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "flask", "users", "import", "-"]
    result = subprocess.run(
        command,
        input=csv_of(*map(row, range(1_001))).encode(),
        env={**os.environ, **environment, "FLASK_APP": "wsgi:app", "LOG_LEVEL": "WARNING"},
        stdout=subprocess.PIPE,
        stderr=terminal,
        check=False,
    )
    shown = os.read(controller, 10_000).decode()
    os.close(controller)
    os.close(terminal)
    assert (result.returncode, result.stdout) == (0, b"Imported 1,001 users.\n")
    told = ["checked 1,000", "checked 1,001", "written 1,000 of 1,001", "written 1,001 of 1,001"]
    assert shown == "".join(f"\x1b[2K{text}\r" for text in told) + "\x1b[2K"


def test_a_database_that_is_away_is_one_line(make_app: MakeApp) -> None:
    app = make_app(DATABASE_URL="postgresql://me:canary@127.0.0.1:1/otp")
    result = flask_users(app, "import", "-", stdin=csv_of(row(1)))
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: the database rejected the operation (OperationalError); try: flask doctor\n",
    )


@pytest.mark.parametrize("source", ["missing.csv", ".", "mysql://u:canary@h/d", "postgresql://u:canary@h:port/d"])
def test_what_cannot_be_read_is_one_line(app: Flask, source: str) -> None:
    result = flask_users(app, "import", source)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("Error: ")
    assert "canary" not in result.stderr


@pytest.mark.one_database
def test_of_10_002_lines_the_one_that_is_bad_is_found(app: Flask) -> None:
    lines = csv_of(*(row(number, createdAt="2020-01-01") for number in range(10_002)))
    spoiled = lines.replace("p10000@example.com", "P7@Example.COM")
    refused = flask_users(app, "import", "-", stdin=spoiled)
    assert (refused.exit_code, stored(app)) == (1, [])
    assert refused.stderr.splitlines()[:-1] == [
        "checked 10,000",
        "line 10002: email is the same as that of line 9",
    ]
    accepted = flask_users(app, "import", "-", "--skip-bad", stdin=spoiled)
    assert accepted.stdout == "Imported 10,001 users; left out 1 that cannot be imported.\n"
    assert "written 10,000 of 10,001\n" in accepted.stderr
    assert emails(app) == [f"p{number}@example.com" for number in range(10_002) if number != 10_000]
    assert [event.facts["imported"] for event in events(app) if event.user_id is None] == [10001]
