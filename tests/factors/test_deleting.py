"""A factor is deleted with its folder and its entry in the registry; the rest goes on, with its tests."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config import ROOT

REGISTRY = "otp_service/factors/registry.py"
FACTORS = ("totp", "webauthn", "backup_codes")
TESTS_OF_OTHERS = {
    "totp": ("tests/factors/backup_codes/test_making.py", "tests/factors/trusted_devices/test_sign_in.py"),
    "webauthn": ("tests/factors/totp/test_sign_in.py", "tests/factors/test_overview.py"),
    "backup_codes": ("tests/factors/totp/test_sign_in.py", "tests/factors/webauthn/test_passkey_alone.py"),
}
TESTS_OF_ALL = ("tests/selfservice/test_erasure.py", "tests/ops/test_openapi.py")
"""Of the places that iterate over the registry: exports and erasure, and the routes."""

OTHERS = "parallel or backup_codes or own_count_alone or spends_no_first_code or valid_openapi"
QUICK = f"sqlite and not ({OTHERS})"
"""Neither the races, nor the few tests that are about two factors, nor the slow look at the whole document."""

HALF_WRITTEN = "*.pyc.*"
"""What another process writes at the moment. Compiled modules are copied: they serve the copy too."""


def importers_of(folder: str) -> set[str]:
    """The files outside a factor's folder that import from it."""
    paths = [*(ROOT / "otp_service").rglob("*.py"), ROOT / "config.py"]
    outside = [path for path in paths if ROOT / "otp_service/factors" / folder not in path.parents]
    found = [path for path in outside if f"factors.{folder}" in path.read_text(encoding="utf-8")]
    return {str(path.relative_to(ROOT)) for path in found}


def delete(folder: str, copy: Path) -> None:
    """Delete the folder, its entry in the registry and its tests, and nothing else."""
    shutil.rmtree(copy / "otp_service/factors" / folder)
    shutil.rmtree(copy / "tests/factors" / folder)
    text = (copy / REGISTRY).read_text(encoding="utf-8")
    entry = re.compile(rf"from otp_service\.factors\.{folder} import (\w+)\n")
    (name,) = entry.findall(text)
    (copy / REGISTRY).write_text(entry.sub("", text).replace(f"    {name},\n", ""), encoding="utf-8")


@pytest.mark.parametrize("folder", FACTORS)
def test_only_the_registry_names_a_factor(folder: str) -> None:
    assert importers_of(folder) == {REGISTRY}


@pytest.mark.parametrize("folder", FACTORS)
def test_without_a_factor_the_tests_of_the_others_pass(folder: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    left_out = shutil.ignore_patterns(".*", "instance", "benchmarks", HALF_WRITTEN)
    shutil.copytree(ROOT, copy, ignore=left_out)
    delete(folder, copy)
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--show-capture=no", "-k", QUICK)
    tests = (*TESTS_OF_OTHERS[folder], *TESTS_OF_ALL)
    command = [sys.executable, "-m", "pytest", *options, f"--basetemp={tmp_path / 'base'}", *tests]

    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=900)

    assert done.returncode == 0, done.stdout[-3_000:]
    assert re.search(r"\d+ passed", done.stdout)
