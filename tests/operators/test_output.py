"""What all commands print: JSON, tables, and errors in one line."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from config import Config
from otp_service.application import create_app
from otp_service.core.errors import Conflict
from otp_service.operators.output import CommandGroup, print_fields, print_json, print_table

pytestmark = pytest.mark.one_database

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
STEERING = "Ann\x1b]0;owned\x07\u202e"


@dataclass
class Row:
    user_id: int
    created_at: datetime


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_json_has_names_in_camel_case_and_times_as_the_api_writes_them(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"rows": [Row(user_id=1, created_at=NOON)]})

    assert json.loads(printed(capsys)) == {"rows": [{"userId": 1, "createdAt": "2026-01-02T12:00:00Z"}]}


def test_json_cannot_steer_a_terminal_and_reads_back_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": STEERING})

    text = printed(capsys)
    assert json.loads(text) == {"name": STEERING}
    assert all(letter.isprintable() or letter == "\n" for letter in text)


def test_columns_are_as_wide_as_needed_and_numbers_align_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("ID", "NAME", "TRIES", "MADE"), [(1, "a long name", 12, NOON), (10, None, 3, NOON)])

    assert printed(capsys).splitlines() == [
        "ID  NAME         TRIES  MADE",
        " 1  a long name     12  2026-01-02 12:00:00",
        "10  -                3  2026-01-02 12:00:00",
    ]


def test_a_table_without_rows_has_its_titles_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("ID", "NAME"), [], if_empty="None yet.")

    assert printed(capsys).splitlines() == ["ID  NAME", "None yet."]


def test_neither_tables_nor_fields_can_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME",), [(STEERING,)])
    print_fields({"name": STEERING})

    text = printed(capsys)
    assert text.count("Ann") == 2
    assert all(letter.isprintable() or letter == "\n" for letter in text)


class BadKey(Exception):
    """An error of a feature, in words for the operator."""


@pytest.mark.parametrize(
    ("error", "line"), [(Conflict("It is taken."), "It is taken."), (BadKey("The key is bad."), "The key is bad.")]
)
def test_an_expected_error_is_one_line_and_exit_code_1(error: Exception, line: str) -> None:
    group = CommandGroup("things", expected=(BadKey,))

    @group.command("fail")
    def fail() -> None:
        raise error

    result = CliRunner().invoke(group, ["fail"])

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {line}\n")


def test_an_unexpected_error_is_not_hidden() -> None:
    group = CommandGroup("things")

    @group.command("fail")
    def fail() -> None:
        raise BadKey

    assert isinstance(CliRunner().invoke(group, ["fail"]).exception, BadKey)


@pytest.mark.parametrize("command", [["users", "list"], ["sessions", "list"], ["outbox", "list"], ["retention", "run"]])
def test_every_group_says_in_words_that_the_database_has_no_tables(command: list[str], tmp_path: Path) -> None:
    environment = {"INSTANCE_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path / 'empty.db'}"}

    result = create_app(Config.from_env(environment)).test_cli_runner().invoke(args=command)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: The database cannot be used: no such table: ")


def test_usage_errors_stay_exit_code_2() -> None:
    group = CommandGroup("things")

    @group.command("do")
    def do() -> None:
        raise click.UsageError("Say what.")

    assert CliRunner().invoke(group, ["do"]).exit_code == 2
