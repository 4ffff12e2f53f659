"""A factor is deleted by deleting its folder and the lines that name it; the rest goes on, with its tests."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config import ROOT

NAMING = {"registry.py", "__init__.py", "retention.py", "exports.py", "config.py"}
"""The only files that may name a factor of its own folder: one line each, and its routes."""

FACTORS = {
    "totp": (("totp",), ()),
    "backup_codes": (("backup_codes",), ()),
    "webauthn": (
        ("webauthn", "webauthn_challenges", "passkeys"),
        ("otp_service/auth/passkeys.py", "otp_service/auth/passkey_views.py"),
    ),
}
"""The words for each factor in those files, and what goes with its folder: signing in with a passkey alone."""

OTHERS = {
    "totp": ("tests/factors/backup_codes/test_sign_in.py", "tests/factors/trusted_devices/test_sign_in.py"),
    "backup_codes": ("tests/factors/totp/test_codes.py", "tests/factors/totp/test_sign_in.py"),
    "webauthn": ("tests/factors/totp/test_sign_in.py", "tests/factors/test_overview.py"),
}
QUICK = "sqlite and not parallel and not own_count_alone"
"""Not the races; nor the one test that is about two factors."""


def naming(folder: str) -> set[str]:
    """The files outside its folder that import it, beside those that go with it."""
    _, company = FACTORS[folder]
    gone = {ROOT / name for name in company}
    others = [*(ROOT / "otp_service").rglob("*.py"), ROOT / "config.py"]
    others = [path for path in others if f"factors/{folder}" not in path.as_posix() and path not in gone]
    return {path.name for path in others if f"factors.{folder}" in path.read_text(encoding="utf-8")}


def delete(folder: str, copy: Path) -> None:
    words, company = FACTORS[folder]
    shutil.rmtree(copy / "otp_service/factors" / folder)
    for name in company:
        (copy / name).unlink()
    named = "|".join(words)
    for path in [*(copy / "otp_service").rglob("*.py"), copy / "config.py"]:
        if path.name in NAMING:
            text = re.sub(rf"\b({named}), ", "", path.read_text(encoding="utf-8"))
            kept = (line for line in text.splitlines(keepends=True) if not re.search(rf"\b({named})\b", line, re.I))
            path.write_text("".join(kept), encoding="utf-8")


@pytest.mark.parametrize("folder", FACTORS)
def test_only_a_few_files_name_a_factor(folder: str) -> None:
    assert naming(folder) <= NAMING


@pytest.mark.parametrize("folder", FACTORS)
def test_without_a_factor_the_tests_of_the_others_pass(folder: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "instance", "benchmarks")
    shutil.copytree(ROOT, copy, ignore=left_out)
    delete(folder, copy)
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--show-capture=no", "-k", QUICK)
    command = [sys.executable, "-m", "pytest", *options, f"--basetemp={tmp_path / 'base'}", *OTHERS[folder]]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout[-3_000:]
    assert re.search(r"\d+ passed", done.stdout)
