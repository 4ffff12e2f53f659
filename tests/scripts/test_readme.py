"""The README's first five minutes, pasted into the shells that people use."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import Config, ConfigError
from otp_service.config.env_file import read_env_file
from tests.scripts.test_run_local import ROOT, env, runner  # noqa: F401 - fixtures
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.one_database

README = (ROOT / "README.md").read_text(encoding="utf-8")
BACKENDS = "Verify a number from your backend"
SHELLS = {"bash": ("--norc", "--noprofile", "-i", "-s"), "zsh": ("-f", "-i", "-s")}
"""Interactive, as for a person who pastes: zsh then takes # for a command, and both look for unclosed quotes."""


def blocks() -> Iterator[str]:
    """The commands of the first sections, and of the page for backends, with nothing left out."""
    page = (ROOT / "docs/verify-a-number.md").read_text(encoding="utf-8")
    for text, title in ((README, BACKENDS), (page, "From `make run`"), (README, "The first five minutes")):
        section = text.partition(f"## {title}")[2].partition("\n## ")[0]
        commands = [found[1] for found in re.finditer(r"```sh\n(.*?)```", section, re.DOTALL)]
        assert commands, title
        yield from commands


@pytest.mark.parametrize("shell", [name for name in SHELLS if shutil.which(name)])
@pytest.mark.usefixtures("runner")
def test_the_first_five_minutes_work_when_pasted(shell: str, env: dict[str, str]) -> None:  # noqa: F811
    pasted = "".join(blocks()).replace(":8000", f":{env['PORT']}").replace(":8090", f":{env['SIMULATOR_PORT']}")

    done = subprocess.run(
        [shell, *SHELLS[shell]],
        input=pasted,
        env={**env, "PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )

    told = [
        "User registered successfully.",
        '"requiresOtp":true',
        "Phone number verified successfully.",
        "Access granted to protected resource.",
        "Email address verified.",
        '"backupCodes":[',
        "204 NO CONTENT",
        "Invalid or expired token.",
    ]
    assert [text for text in told if text not in done.stdout] == []
    assert done.stdout.count('"status":"approved"') == 2
    assert not re.search(r"quote>|command not found|no matches|error:", done.stdout + done.stderr)
    assert [line for line in done.stdout.splitlines() if line.count("}{")] == []


def test_the_commands_have_no_comment_that_a_shell_could_run() -> None:
    assert [line for block in blocks() for line in block.splitlines() if "#" in line.replace("${LINK#", "")] == []


def test_the_settings_for_production_are_refused_until_each_is_filled_in(tmp_path: Path) -> None:
    section = README.partition("## In production")[2].partition("\n## ")[0]
    block = re.search(r"```sh\n(umask.*?)```", section, re.DOTALL)
    assert block
    subprocess.run(["bash", "-c", block[1]], cwd=tmp_path, check=True, timeout=PATIENCE_SECONDS)
    file = tmp_path / ".env"

    with pytest.raises(ConfigError) as refused:
        Config.from_env({**read_env_file(file), "INSTANCE_DIR": str(tmp_path)})

    unfilled = [line.partition("=")[0] for line in file.read_text().splitlines() if line.endswith("...")]
    assert file.stat().st_mode & 0o077 == 0
    assert [line.partition(":")[0] for line in refused.value.faults if "placeholder" in line] != []
    assert {line.partition(":")[0] for line in refused.value.faults} == set(unfilled)
