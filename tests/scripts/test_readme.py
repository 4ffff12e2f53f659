"""The README's first five minutes, pasted into the shells that people use."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.scripts.test_run_local import ROOT, env, runner  # noqa: F401 - fixtures
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.one_database

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELLS = {"bash": ("--norc", "--noprofile", "-i", "-s"), "zsh": ("-f", "-i", "-s")}
"""Interactive, as for a person who pastes: zsh then takes # for a command, and both look for unclosed quotes."""


def blocks() -> Iterator[str]:
    """The commands of the section, with nothing left out."""
    section = README.partition("## The first five minutes")[2].partition("\n## ")[0]
    return (found[1] for found in re.finditer(r"```sh\n(.*?)```", section, re.DOTALL))


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
    assert not re.search(r"quote>|command not found|no matches|error:", done.stdout + done.stderr)
    assert [line for line in done.stdout.splitlines() if line.count("}{")] == []


def test_the_commands_have_no_comment_that_a_shell_could_run() -> None:
    assert [line for block in blocks() for line in block.splitlines() if "#" in line.replace("${LINK#", "")] == []
