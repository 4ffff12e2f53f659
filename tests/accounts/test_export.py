"""`flask users export`: exactly what an import takes."""

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.accounts.moving import HASH, csv_of, events, flask_users, json_of, remove_all, report_of, row, stored
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import PASSWORD, Person, make_person, sign_in

HEADER = (
    "email,phoneNumber,passwordHash,isVerified,createdAt,displayName,locale,emailVerified,isLocked,passwordVerified\n"
)
FORMS = pytest.mark.parametrize("form", ["csv", "jsonl"])
TRICKY = ["Ann", 'Smith, "Ann"', "line\r\nbreaks\nof\rall kinds", " spaces ", '"', "=1+1", "Ünï 😀\u2028", "'", "a;b"]


def people() -> str:
    """Users of every kind."""
    named = [row(number, displayName=name, locale="de-CH") for number, name in enumerate(TRICKY)]
    states = {"isVerified": True, "emailVerified": True, "isLocked": True, "createdAt": "2020-02-03T04:05:06.000007Z"}
    return json_of(
        *named,
        row(100),
        row(101, **states),
        row(102, email=None, isVerified=True),
        row(103, phoneNumber=None),
        row(104, isVerified=True, passwordVerified=False),
        row(105, passwordVerified=True),
    )


def export(app: Flask, form: str = "csv") -> bytes:
    result = flask_users(app, "export", "--format", form)
    assert result.exit_code == 0
    return result.stdout_bytes


def test_csv_has_a_header_and_a_line_a_user_by_id(app: Flask) -> None:
    report_of(app, json_of(row(2, createdAt="2020-01-01T00:00:00Z", displayName='A "B"'), row(1, isLocked=True)))
    lines = export(app).decode().splitlines(keepends=True)
    assert lines[0] == HEADER
    assert lines[1] == f'p2@example.com,+14152000002,{HASH},false,2020-01-01T00:00:00Z,"A ""B""",,false,false,false\n'
    assert lines[2].startswith("p1@example.com,")
    assert lines[2].endswith(",false,true,false\n")


def test_json_lines_have_the_same(app: Flask) -> None:
    report_of(app, json_of(row(1, createdAt="2020-01-01T00:00:00.5Z", emailVerified=True)))
    assert json.loads(export(app, "jsonl")) == {
        "email": "p1@example.com",
        "phoneNumber": "+14152000001",
        "passwordHash": HASH,
        "isVerified": False,
        "createdAt": "2020-01-01T00:00:00.500000Z",
        "displayName": None,
        "locale": None,
        "emailVerified": True,
        "isLocked": False,
        "passwordVerified": False,
    }


@FORMS
def test_what_was_exported_and_imported_exports_as_the_same_bytes(app: Flask, form: str) -> None:
    assert report_of(app, people())[0] == 0
    before = export(app, form)
    names = [user.display_name for user in stored(app)]
    remove_all(app)
    assert report_of(app, before, "--format", form)[0] == 0
    assert export(app, form) == before
    assert [user.display_name for user in stored(app)] == names


@FORMS
def test_an_old_password_signs_in_after_an_export_and_an_import(
    app: Flask, api: Api, sinch: Simulator, form: str
) -> None:
    """By our own hash, by one that was made anew at a sign-in, and by one of the system before."""
    report_of(app, json_of(row(1), row(2)))
    people = [make_person(app), *(Person(0, f"p{n}@example.com", f"+1415200000{n}") for n in (1, 2))]
    for person in people[:2]:
        sign_in(api, sinch, person)
    moved = export(app, form)
    remove_all(app)
    assert report_of(app, moved, "--format", form)[0] == 0
    assert [api.post("/auth/login", person.credentials).status_code for person in people] == [200] * 3


@FORMS
def test_an_account_without_an_address_signs_in_by_its_number_after_a_move(app: Flask, api: Api, form: str) -> None:
    assert report_of(app, json_of(row(1, email=None, isVerified=True)))[0] == 0
    moved = export(app, form)
    remove_all(app)

    assert report_of(app, moved, "--format", form)[0] == 0

    body = {"phoneNumber": "+14152000001", "password": PASSWORD}
    assert api.post("/auth/login/number", body).json["requiresOtp"] is True


def test_a_password_that_was_never_used_with_a_possession_stays_so(app: Flask, make_app: MakeApp) -> None:
    unverified, verified = row(1, isVerified=True, passwordVerified=False), row(2, isVerified=True)
    assert report_of(app, json_of(unverified, verified))[0] == 0
    moved = export(app)
    remove_all(app)
    assert report_of(app, moved)[0] == 0

    api = Api(make_app(MFA_POLICY="enrolment"))
    answers = [api.post("/auth/login", {"email": f"p{n}@example.com", "password": PASSWORD}).json for n in (1, 2)]

    assert [answer["requiresOtp"] for answer in answers] == [True, False]


@FORMS
def test_nobody_gives_an_export_that_can_be_imported(app: Flask, form: str) -> None:
    empty = export(app, form)
    assert empty.decode() == (HEADER if form == "csv" else "")
    assert report_of(app, empty, "--format", form)[0] == 0


@pytest.mark.parametrize("locale", ["en", "pt-BR", "zh-Hant-TW", "de-Latn-DE-1996", "sl-rozaj-biske-1994-extra1"])
@pytest.mark.each_case
def test_every_language_that_a_profile_takes_can_be_moved(app: Flask, api: Api, sinch: Simulator, locale: str) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    taken = api.send("PATCH", "/profile", token=token, json={"locale": locale}).status_code == 200
    assert taken == (report_of(app, json_of(row(1, locale=locale)))[0] == 0)


def test_more_than_a_batch_is_whole_and_in_order(app: Flask) -> None:
    report_of(app, csv_of(*map(row, range(2_345))))
    lines = export(app).decode().splitlines()[1:]
    assert [line.partition("@")[0] for line in lines] == [f"p{number}" for number in range(2_345)]


def test_a_file_is_readable_by_its_owner_alone(app: Flask, tmp_path: Path) -> None:
    report_of(app, people())
    path = tmp_path / "users.csv"
    path.write_text("old and readable by all")
    path.chmod(0o644)
    assert flask_users(app, "export", "--output", path, "--overwrite").output == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == export(app)
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_is_written_to_as_it_is(app: Flask, tmp_path: Path) -> None:
    path, received = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: received.append(path.read_bytes()))
    reader.start()
    assert flask_users(app, "export", "--output", path).exit_code == 0
    reader.join()
    assert received == [HEADER.encode()]
    assert path.is_fifo()


def test_a_file_that_cannot_be_made_is_one_line(app: Flask, tmp_path: Path) -> None:
    result = flask_users(app, "export", "--output", tmp_path / "no" / "users.csv")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_an_export_that_fails_leaves_the_file_of_before(make_app: MakeApp, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("of before")
    app = make_app(DATABASE_URL="postgresql://me:canary@127.0.0.1:1/otp")
    assert flask_users(app, "export", "--output", path).exit_code == 1
    assert (path.read_text(), list(tmp_path.iterdir())) == ("of before", [path])


def test_an_audit_event_tells_that_the_hashes_left(app: Flask) -> None:
    export(app, "jsonl")
    (event,) = events(app)
    assert (event.event, event.facts) == ("users.exported", {"form": "jsonl"})
