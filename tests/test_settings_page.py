"""docs/settings.md and .env.example name every setting that is read, with its default, and no other."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from config import ROOT, Config
from tests.environments import PRODUCTION, load

ROW = re.compile(r"^\| `(?P<name>[A-Z0-9_]+)` \| (?P<type>[^|]+) \| (?P<default>[^|]+) \| (?P<means>[^|]+) \|$", re.M)
ASSIGNMENT = re.compile(r"^#(?P<name>[A-Z0-9_]+)=(?P<value>.*)$", re.M)
OTHER_READERS = {
    "gunicorn.conf.py": re.compile(r"_read\.\w+\(\s*\"([A-Z0-9_]+)\""),
    "scripts/run_local.py": re.compile(r"env(?:\.get\(|\[)\"([A-Z0-9_]+)\"|^    \"([A-Z0-9_]+)\": ", re.M),
    "otp_service/simulator/cli.py": re.compile(r"envvar=\"([A-Z0-9_]+)\""),
}
OF_THE_MACHINE = {"instance_dir", "jwt_keys_dir", "jwt_secret", "encryption_keys", "database_url"}


class Asked(dict[str, str]):
    """Settings that remember which names were asked for."""

    def __init__(self, settings: dict[str, str]) -> None:
        super().__init__(settings)
        self.names: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """The setting, like any mapping's."""
        self.names.add(name)
        return super().get(name, default)


def asked_by_config(folder: Path) -> set[str]:
    """What is asked for in development and in production, with addresses whole and in parts."""
    parts = {"DB_HOST": "db", "SMTP_HOST": "mail"}
    found = set()
    for settings in ({}, PRODUCTION, parts):
        asked = Asked({"INSTANCE_DIR": str(folder), **settings})
        Config.from_env(asked)
        found |= asked.names
    return found


def asked_elsewhere() -> set[str]:
    return {
        name
        for path, pattern in OTHER_READERS.items()
        for found in pattern.finditer((ROOT / path).read_text(encoding="utf-8"))
        for name in found.groups()
        if name
    }


def files_of(names: set[str]) -> set[str]:
    """Those that name a file in place of a secret."""
    return {name for name in names if name.removesuffix("_FILE") in names - {name}}


@pytest.fixture
def asked(tmp_path: Path) -> set[str]:
    """Every name that some part of the system asks for."""
    return asked_by_config(tmp_path) | asked_elsewhere()


@pytest.fixture
def rows() -> dict[str, dict[str, str]]:
    """The page."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    return {row["name"]: row.groupdict() for row in ROW.finditer(page)}


@pytest.fixture
def example() -> dict[str, str]:
    """The assignments of .env.example, all commented out."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return {found["name"]: found["value"] for found in ASSIGNMENT.finditer(text)}


def test_the_page_names_every_setting_and_no_other(asked: set[str], rows: dict[str, dict[str, str]]) -> None:
    assert set(rows) == asked - files_of(asked)


def test_the_example_names_every_setting_and_no_other(asked: set[str], example: dict[str, str]) -> None:
    assert set(example) == asked - files_of(asked)


def test_every_row_of_the_page_can_be_read(rows: dict[str, dict[str, str]]) -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\| `", page, re.M)) == len(rows)


def test_the_page_tells_which_may_stand_in_a_file(asked: set[str], rows: dict[str, dict[str, str]]) -> None:
    secrets = {name for name, row in rows.items() if row["type"].startswith("secret")}
    assert {f"{name}_FILE" for name in secrets} == files_of(asked)


def test_the_example_changes_nothing_and_holds_the_defaults(tmp_path: Path, example: dict[str, str]) -> None:
    given = load(tmp_path, **{name: value for name, value in example.items() if value})
    default = load(tmp_path)
    for field in fields(Config):
        assert getattr(given, field.name) == getattr(default, field.name), field.name


def test_page_and_example_tell_the_same_defaults(rows: dict[str, dict[str, str]], example: dict[str, str]) -> None:
    for name, row in rows.items():
        told = re.match(r"`([^`]+)`(?:$|;)", row["default"])
        assert (told[1] if told else "") == example[name], name


def test_a_range_on_the_page_is_the_one_that_is_kept(tmp_path: Path, rows: dict[str, dict[str, str]]) -> None:
    elsewhere = asked_elsewhere() - asked_by_config(tmp_path)
    for name, row in rows.items():
        span = re.fullmatch(r"(?:number|milliseconds), (\d+) to (\d+)", row["type"])
        if span is None or name in elsewhere:
            continue
        company = {"DB_HOST": "db", "SMTP_HOST": "mail"}
        for inside in span.groups():
            load(tmp_path, **company, **{name: inside})
        for outside in (int(span[1]) - 1, int(span[2]) + 1):
            with pytest.raises(SystemExit, match=f"{name}: holds '{outside}'"):
                load(tmp_path, **company, **{name: str(outside)})


def test_every_setting_of_the_example_has_a_comment(example: dict[str, str]) -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if ASSIGNMENT.fullmatch(line):
            assert lines[number - 1].startswith("# "), line
