"""Settings: secrets, what production refuses, and what development makes for itself."""

import base64
import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config import ROOT, Config, ConfigError
from otp_service.config.keys import kept_secret
from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET
from tests.environments import PRODUCTION, RANDOM, load, refuse
from tests.processes import Place, Program, ended

SECRETS = (
    "Hidden-7-pw",
    "Hidden-8-pw",
    PRODUCTION["JWT_SECRET"],
    PRODUCTION["ENCRYPTION_KEY"],
    "BeIukql3pTKJ8RGL5zo0DA",
)


def test_a_secret_is_not_shown_with_the_settings(tmp_path: Path) -> None:
    shown = repr(load(tmp_path, **PRODUCTION, OPS_TOKEN="Hidden-9-pw-of-operators"))
    assert not [secret for secret in (*SECRETS, "Hidden-9-pw", str(RANDOM)) if secret in shown]
    assert "base_url='https://verification.api.sinch.com'" in shown


@pytest.mark.parametrize("name", ["DATABASE_URL", "JWT_SECRET", "ENCRYPTION_KEY", "SINCH_APP_SECRET"])
def test_a_secret_may_stand_in_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text(PRODUCTION[name] + "\n")
    without = {other: text for other, text in PRODUCTION.items() if other != name}
    assert load(tmp_path, **without, **{f"{name}_FILE": str(tmp_path / "file")}) == load(tmp_path, **PRODUCTION)


def test_the_parts_of_a_database_address_may_stand_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("p@ss/word\n")
    parts = {"DB_HOST": "h", "DB_PORT": "5433", "DB_USER": "u", "DB_NAME": "d"}
    config = load(tmp_path, **parts, DB_PASSWORD_FILE=str(tmp_path / "file"))
    assert config.stores.database_url == "postgresql+psycopg2://u:p%40ss%2Fword@h:5433/d"


@pytest.mark.parametrize("path", ["/nowhere/secret", "/proc", "/proc/self/mem"])
def test_a_file_that_cannot_be_read_is_a_fault_of_its_setting(tmp_path: Path, path: str) -> None:
    (line,) = refuse(tmp_path, JWT_SECRET_FILE=path)
    assert line.startswith("JWT_SECRET_FILE: cannot be read (")


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    (line,) = refuse(tmp_path, JWT_SECRET=RANDOM.hex(), JWT_SECRET_FILE="/nowhere")
    assert line == "JWT_SECRET_FILE: is set as well as JWT_SECRET; it must stand alone."


def test_several_encryption_keys_are_kept_in_order(tmp_path: Path) -> None:
    other = hashlib.sha256(RANDOM).digest()
    text = ", ".join((base64.urlsafe_b64encode(other).decode(), PRODUCTION["ENCRYPTION_KEY"]))
    assert load(tmp_path, ENCRYPTION_KEY=text).encryption_keys == (other, RANDOM)


@pytest.mark.parametrize("setting", [{"APP_ENV": "production"}, {"NODE_ENV": "production"}])
def test_production_is_told_all_that_is_missing(tmp_path: Path, setting: dict[str, str]) -> None:
    names = [line.partition(": is not set; it must hold ")[0] for line in refuse(tmp_path, **setting)]
    assert names == [
        "DATABASE_URL",
        "JWT_SECRET",
        "ENCRYPTION_KEY",
        "SINCH_APP_KEY",
        "SINCH_APP_SECRET",
        "SMS_COUNTRIES",
    ]


@pytest.mark.parametrize(("page", "set_elsewhere"), [("README.md", set()), ("docs/deploy.md", {"DATABASE_URL"})])
def test_a_documented_set_up_names_all_that_production_needs(
    tmp_path: Path, page: str, set_elsewhere: set[str]
) -> None:
    needed = {line.partition(":")[0] for line in refuse(tmp_path, APP_ENV="production")}
    block = (ROOT / page).read_text(encoding="utf-8").partition("cat > .env <<EOF\n")[2].partition("\nEOF")[0]

    written = {line.partition("=")[0] for line in block.splitlines()}

    assert needed <= written | set_elsewhere


def test_production_sends_to_every_country_only_where_the_operator_says_so(tmp_path: Path) -> None:
    (line,) = refuse(tmp_path, **{**PRODUCTION, "SMS_COUNTRIES": " , "})
    (mixed,) = refuse(tmp_path, SMS_COUNTRIES="US,*")
    allowed = load(tmp_path, **{**PRODUCTION, "SMS_COUNTRIES": "*"})

    assert line.startswith("SMS_COUNTRIES: is not set; it must ")
    assert mixed == "SMS_COUNTRIES: holds '*'; it must stand alone, without other countries."
    assert allowed.codes.sms_countries == frozenset()
    assert allowed.warnings == ("SMS_COUNTRIES is *: codes are sent to every country, at your cost",)
    assert load(tmp_path).codes.sms_countries == frozenset()


def test_the_first_versions_node_env_yields_to_app_env(tmp_path: Path) -> None:
    assert load(tmp_path, NODE_ENV="production", APP_ENV="development").is_production is False


def test_production_starts_with_what_it_needs_and_nothing_to_warn_of(tmp_path: Path) -> None:
    config = load(tmp_path, **PRODUCTION)
    assert (config.is_production, config.server.log_format, config.warnings) == (True, "json", ())
    assert config.sinch.base_url == "https://verification.api.sinch.com"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("JWT_SECRET", "x" * 64),
        ("JWT_SECRET", "12345678901234567890123456789012"),
        ("JWT_SECRET", "abcdefghijklmnopqrstuvwxyz0123456789"),
        ("JWT_SECRET", "your-super-secret-jwt-key-change-this-in-production"),
        ("JWT_SECRET", "CHANGEME-CHANGEME-CHANGEME-CHANGEME-7"),
        ("JWT_SECRET", "my_jwt_secret_that_is_thirty_two_long"),
        ("JWT_SECRET", "short"),
        ("ENCRYPTION_KEY", base64.b64encode(bytes(32)).decode()),
        ("ENCRYPTION_KEY", base64.b64encode(bytes(range(32))).decode()),
        ("FLASK_DEBUG", "1"),
        ("DEBUG", "true"),
        ("SINCH_APP_KEY", DEMO_KEY),
        ("SINCH_APP_SECRET", DEMO_SECRET),
        ("SINCH_APP_SECRET", "not base64!"),
        ("SINCH_BASE_URL", "http://verification.api.sinch.com"),
        ("SINCH_BASE_URL", "https://127.0.0.1:8090"),
        ("SINCH_BASE_URL", "https://127.8.8.8"),
        ("SINCH_BASE_URL", "https://localhost./verification/v1"),
        ("SINCH_BASE_URL", "https://[::1]:8090"),
        ("SINCH_BASE_URL", "https://0.0.0.0"),
    ],
)
def test_production_refuses_weak_secrets_debug_and_simulators(tmp_path: Path, name: str, text: str) -> None:
    lines = refuse(tmp_path, **{**PRODUCTION, name: text})
    assert {line.partition(":")[0] for line in lines} == {name}


@pytest.mark.parametrize("given", [{"JWT_SECRET": "short"}, {"JWT_SECRET": "", "JWT_SECRET_FILE": "/nowhere/secret"}])
def test_a_value_that_cannot_be_used_is_one_fault(tmp_path: Path, given: dict[str, str]) -> None:
    assert len(refuse(tmp_path, **PRODUCTION | given)) == 1


def test_a_key_without_its_secret_is_refused_everywhere(tmp_path: Path) -> None:
    assert [line.partition(":")[0] for line in refuse(tmp_path, SINCH_APP_KEY="mine")] == ["SINCH_APP_SECRET"]
    assert [line.partition(":")[0] for line in refuse(tmp_path, SINCH_APP_SECRET="bWluZQ==")] == ["SINCH_APP_KEY"]


def test_what_is_allowed_but_risky_is_a_warning(tmp_path: Path) -> None:
    risky = {**PRODUCTION, "DATABASE_URL": "sqlite:////tmp/a.db", "SMS_COUNTRIES": "*", "REDIS_URL": ""}
    warnings = load(tmp_path, **risky, WEB_CONCURRENCY="3").warnings
    assert [warning.split()[0] for warning in warnings] == ["REDIS_URL", "DATABASE_URL", "SMS_COUNTRIES"]
    assert "3 workers" in warnings[0]
    assert (
        load(tmp_path, WEB_CONCURRENCY="1").warnings
        == load(tmp_path, WEB_CONCURRENCY="3", RATE_LIMITS_ENABLED="false").warnings
        == ()
    )


def test_development_makes_its_secrets_once_for_its_owner_alone(tmp_path: Path) -> None:
    first, second = load(tmp_path), load(tmp_path)
    assert (first.tokens.secret, first.encryption_keys) == (second.tokens.secret, second.encryption_keys)
    assert len(first.tokens.secret) >= 64
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["encryption_key", "jwt_secret"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_kept_secret_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    load(tmp_path)
    (tmp_path / "jwt_secret").write_text("")
    (line,) = refuse(tmp_path)
    assert line.startswith(f"JWT_SECRET: is cut short in {tmp_path}/jwt_secret; it must be restored there")


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_an_instance_folder_that_cannot_be_used_is_a_fault(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as refused:
        Config.from_env({"INSTANCE_DIR": str(tmp_path / folder)})
    assert {line.partition(":")[0] for line in refused.value.faults} == {"INSTANCE_DIR"}


RACER = """
import pathlib, sys, time
from otp_service.config.keys import kept_secret
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def make():
    (folder / f"{name}.ready").touch()
    while len(list(folder.glob("*.ready"))) < 2:
        time.sleep(0.001)
    return name * 32
print(kept_secret(folder / "secret", make))
"""


def test_of_two_processes_that_make_a_secret_at_once_both_get_the_same(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, tmp_path, name], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for name in "ab"
    ]
    told = {racer.communicate(timeout=30)[0].strip() for racer in racers}
    assert told == {kept_secret(tmp_path / "secret", lambda: "never made")}
    assert {file.name for file in tmp_path.iterdir()} == {"a.ready", "b.ready", "secret"}


@pytest.mark.parametrize(
    "command",
    [["wsgi"], ["flask", "users", "list"], ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]],
    ids=["wsgi", "flask", "gunicorn"],
)
def test_a_refused_start_is_a_page_for_people(tmp_path: Path, command: list[str]) -> None:
    env = dict.fromkeys(PRODUCTION, "") | {"APP_ENV": "production", "PORT": "8000", "INSTANCE_DIR": str(tmp_path)}
    path = {"PATH": os.environ["PATH"], "DATABASE_URL": PRODUCTION["DATABASE_URL"]}

    told = ended(Program(Place(env | path, ROOT, tmp_path / "stdout", tmp_path / "stderr"), *command))

    assert told.code == 1
    assert (told.output + told.complaints).splitlines() == [
        "The service cannot start. Fix these settings:",
        "  JWT_SECRET: is not set; it must hold a random text of 32 characters or more (openssl rand -base64 48).",
        "  ENCRYPTION_KEY: is not set; it must hold 32 random bytes in base64 (openssl rand -base64 32).",
        "  SINCH_APP_KEY: is not set; it must hold the application key of your Sinch dashboard.",
        "  SINCH_APP_SECRET: is not set; it must hold the application secret of your Sinch dashboard.",
        "  SMS_COUNTRIES: is not set; it must hold the countries that codes are sent to (US,GB,DE), or * for all.",
    ]
