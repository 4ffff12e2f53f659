"""clients/javascript: its own tests run in Node against the service, and the package is what a project installs."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from config import ROOT
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.one_database

CLIENT = ROOT / "clients" / "javascript"
LIST_EXPORTS = "console.log(Object.keys(await import('otp-service-client')).join())"


def run(*command: str, folder: Path = CLIENT, env: dict[str, str] | None = None) -> str:
    """Run a command, which must succeed."""
    own = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", ""), **(env or {})}
    patience = 2 * PATIENCE_SECONDS
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, timeout=patience, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("who", ["people", "backend"])
def test_the_service_is_used_from_node(served: dict[str, str], who: str) -> None:
    run("node", "--test", f"test/{who}.test.js", env=served)


def test_events_are_verified_in_node() -> None:
    run("node", "--test", "test/events.test.js")


def test_the_package_installs_into_an_empty_folder(tmp_path: Path) -> None:
    run("npm", "pack", "--silent", "--pack-destination", str(tmp_path))
    (package,) = tmp_path.glob("*.tgz")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")

    run("npm", "install", "--offline", "--no-audit", "--no-fund", str(package), folder=tmp_path)

    names = run("node", "--input-type=module", "-e", LIST_EXPORTS, folder=tmp_path)
    installed = {path.name for path in (tmp_path / "node_modules" / "otp-service-client").iterdir()}
    assert names.strip() == "OtpBackend,OtpClient,OtpError,verifyEvent"
    assert installed == {
        "LICENSE", "README.md", "package.json", "types",
        "backend.js", "events.js", "http.js", "index.js", "passkeys.js", "people.js",
    }  # fmt: skip


def test_the_package_has_no_dependency_and_the_license_of_the_project() -> None:
    package = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))

    assert "dependencies" not in package
    assert (CLIENT / package["exports"]["."]["types"]).is_file()
    assert package["license"] == "MIT"
    assert (CLIENT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
