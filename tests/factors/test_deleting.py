"""A factor is deleted by deleting its folder and what names it elsewhere; the rest goes on."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config import ROOT

NAMING = ("factors/registry.py", "__init__.py", "jobs/retention.py")
"""The only files that may name a factor of its own folder."""

STORY = """
import sys
from config import Config
from otp_service import create_app
from otp_service.accounts import users
from otp_service.audit import COMMAND_LINE
from otp_service.extensions import db
from otp_service.factors import registry
app = create_app(Config.from_env({"INSTANCE_DIR": sys.argv[1], "SMS_COUNTRIES": "US"}))
with app.app_context():
    db.create_all()
    made = users.create(
        email="a@example.com", phone_number="+14155552671", password_hash="x", client=COMMAND_LINE, is_verified=True
    )
    print(*registry.WORDS, *registry.describe(made.id)[0].values())
    if "totp" in registry.WORDS:
        from otp_service.core import clock
        from otp_service.factors.totp import codes, enrolment
        begun = enrolment.begin(made.id)
        code = codes.code_at(begun.secret, codes.step_at(clock.now()))
        print("spare codes:", enrolment.confirm(made.id, code=code, client=COMMAND_LINE))
"""


def naming(folder: str) -> set[str]:
    """The files outside its folder that name it."""
    package = ROOT / "otp_service"
    others = (path for path in package.rglob("*.py") if not path.is_relative_to(package / "factors" / folder))
    named = (path for path in others if f"factors.{folder}" in path.read_text(encoding="utf-8"))
    return {str(path.relative_to(package)) for path in named}


def without(folder: str, target: Path) -> str:
    """Delete the factor from a copy of the service, and live in what is left."""
    shutil.copytree(ROOT / "otp_service", target / "otp_service", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "config.py", target)
    shutil.rmtree(target / "otp_service/factors" / folder)
    for name in NAMING:
        path = target / "otp_service" / name
        text = re.sub(rf"\b{folder}, ", "", path.read_text(encoding="utf-8"))
        kept = [line for line in text.splitlines(keepends=True) if not re.search(rf"\b{folder}\b", line, re.I)]
        path.write_text("".join(kept), encoding="utf-8")
    command = [sys.executable, "-c", STORY, str(target / "instance")]
    done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("folder", ["totp", "backup_codes"])
def test_only_a_few_lines_name_a_factor(folder: str) -> None:
    assert naming(folder) <= set(NAMING)


def test_the_service_lives_without_authenticator_apps(tmp_path: Path) -> None:
    told = without("totp", tmp_path)
    assert "totp" not in told
    assert "backup_code" in told


def test_authenticator_apps_live_without_backup_codes(tmp_path: Path) -> None:
    told = without("backup_codes", tmp_path)
    assert "backup_code" not in told
    assert "spare codes: ()" in told
