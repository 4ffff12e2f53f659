"""`.env`: each line counts, or the start is rejected with file and line; an unknown name is a warning."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config import ROOT
from otp_service.config.env_file import READ_ELSEWHERE, EnvFileFault, read_env_file, unknown_names
from tests.environments import load
from tests.test_settings_page import asked_by_config, asked_elsewhere
from tests.waiting import PATIENCE_SECONDS

PROGRAMS = (("-c", "import wsgi"), ("-m", "flask", "doctor"), ("-m", "gunicorn", "wsgi:app", "--check-config"))


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / ".env"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def faults_of(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(EnvFileFault) as refused:
        read_env_file(write(folder, text))
    return [fault.removeprefix(f"{folder / '.env'}") for fault in refused.value.faults]


def known_in(folder: Path) -> frozenset[str]:
    return load(folder).asked | READ_ELSEWHERE


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code, with room for a `.env` of its own."""
    folder = tmp_path_factory.mktemp("project")
    half_written = shutil.ignore_patterns("*.pyc.*")  # compiled modules are copied: they serve there too
    for name in ("otp_service", "migrations"):
        shutil.copytree(ROOT / name, folder / name, ignore=half_written)
    for name in ("config.py", "wsgi.py", "gunicorn.conf.py", ".flaskenv"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def run(project: Path, text: str | bytes, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    write(project, text)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={**kept, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('SECURITY_PROFILE="strict\n', 1),
        ("# first\n\nSMS_COUNTRIES: US\n", 3),
        ("PORT=80\nSMS_COUNTRIES US\n", 2),
        ("SMS_COUNTRIES\n", 1),
        ("PORT='80\nHOST=x\n", 1),
        ("export =5\n", 1),
        ("=5\n", 1),
        ('PORT="80"1\n', 1),
        ("DB-HOST=x\n", 1),
        ("1HOST=x\n", 1),
    ],
)
def test_a_line_that_is_not_understood_is_named(tmp_path: Path, text: str, line: int) -> None:
    assert faults_of(tmp_path, text)[0].startswith(f", line {line}: ")


def test_a_quote_that_swallows_the_next_line_is_named(tmp_path: Path) -> None:
    text = 'HOST=x\nSECURITY_PROFILE="strict\nSERVICE_NAME="\nPORT=80\n'
    assert faults_of(tmp_path, text) == [
        ", line 2: SECURITY_PROFILE goes on over several lines; close its quote in the same line."
    ]


def test_a_name_that_is_set_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    text = "PORT=80\n\n# later\nHOST=x\nPORT=81\n"
    assert faults_of(tmp_path, text) == [", line 5: PORT is set in line 1 already; keep one of them."]


@pytest.mark.parametrize("text", ["MAIL_FROM=Grüße\n".encode("latin-1"), "PORT=80\nHOST=x\n".encode("utf-16")])
def test_a_file_in_another_encoding_is_told_to_be_utf_8(tmp_path: Path, text: bytes) -> None:
    (fault,) = faults_of(tmp_path, text)
    assert "is not UTF-8; save the file in UTF-8." in fault


def test_a_fault_shows_no_value(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, 'JWT_SECRET="hunter2\nDB_PASSWORD: hunter2\nENCRYPTION_KEY hunter2\n')
    assert "hunter2" not in "".join(faults)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("X='a${HOME}b$c'", "a${HOME}b$c"),
        ('X="a${HOME:-no}b"', "a${HOME:-no}b"),
        ("X=a${HOME}b", "a${HOME}b"),
        ("export X = blue  # a comment", "blue"),
        ("\ufeffX=1", "1"),
        ('X="say \\"hi\\"\\n"', 'say "hi"\n'),
        ("X=", ""),
        ("X=a#b", "a#b"),
        ("\r\n# c\r\nX=1\r\n", "1"),
    ],
)
def test_a_value_is_taken_literally(tmp_path: Path, text: str, value: str) -> None:
    assert read_env_file(write(tmp_path, text)) == {"X": value}


def test_no_file_is_no_setting(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}


@pytest.mark.parametrize(
    ("name", "meant"),
    [("SMS_COUNTRY", "SMS_COUNTRIES"), ("JWT_EXPIRE_IN", "JWT_EXPIRES_IN"), ("sms_countries", "SMS_COUNTRIES")],
)
def test_an_unknown_name_comes_with_the_one_that_is_meant(tmp_path: Path, name: str, meant: str) -> None:
    (warning,) = unknown_names([name], known_in(tmp_path))

    assert warning == f"{name} in .env is not a setting and has no effect: did you mean {meant}?"


def test_every_setting_and_the_names_of_other_tools_are_known(tmp_path: Path) -> None:
    others = {"FLASK_APP", "PYTHONUNBUFFERED", "TZ", "https_proxy", "GUNICORN_CMD_ARGS", "PGSSLMODE"}
    assert [*unknown_names(asked_by_config(tmp_path) | asked_elsewhere() | others, known_in(tmp_path))] == []


@pytest.mark.parametrize("arguments", PROGRAMS)
def test_no_program_starts_with_a_file_that_is_not_understood(project: Path, arguments: tuple[str, ...]) -> None:
    done = run(project, 'LOG_FORMAT=json\nSECURITY_PROFILE="strict\n', *arguments)

    assert done.returncode != 0
    assert f"{project / '.env'}, line 2: is not understood" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_the_start_lists_an_unknown_name(project: Path) -> None:
    done = run(project, "SMS_COUNTRY=US\n", "-c", "import wsgi")

    assert "did you mean SMS_COUNTRIES?" in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("env", "arguments"),
    [
        ({"HOST": "0.0.0.0"}, ("-m", "gunicorn", "wsgi:app", "--check-config")),
        ({}, ("-m", "flask", "run", "--host", "0.0.0.0", "--port", "0")),
    ],
)
def test_a_development_server_does_not_start_on_a_network(
    project: Path, env: dict[str, str], arguments: tuple[str, ...]
) -> None:
    done = run(project, "", *arguments, **env)

    assert done.returncode != 0
    assert "holds '0.0.0.0'; it must be 127.0.0.1 in development" in done.stderr + done.stdout


@pytest.mark.parametrize("arguments", PROGRAMS)
def test_every_program_takes_a_value_literally(project: Path, arguments: tuple[str, ...]) -> None:
    done = run(project, "JWT_SECRET='${HOME}'\n", *arguments, HOME="/" + 40 * "x")

    assert "JWT_SECRET: holds 7 characters" in done.stderr + done.stdout
