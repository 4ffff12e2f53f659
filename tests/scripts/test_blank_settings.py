"""A blank WEB_CONCURRENCY in the environment means not set, for gunicorn too."""

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT

PROGRAM = """
import site, os
site.addpackage("scripts", "blank_settings.pth", set())
import gunicorn.config
print(gunicorn.config.Workers.default, "WEB_CONCURRENCY" in os.environ)
"""


def start_of_gunicorn(**settings: str) -> str:
    """What gunicorn takes for its number of workers, in an interpreter as `setup.sh` prepares it."""
    environment = {"PATH": os.environ["PATH"], **settings}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_a_blank_number_of_workers_is_as_good_as_none(blank: str) -> None:
    assert start_of_gunicorn(WEB_CONCURRENCY=blank) == start_of_gunicorn() == "1 False"


def test_a_number_of_workers_stays() -> None:
    assert start_of_gunicorn(WEB_CONCURRENCY="3") == "3 True"


def test_the_set_up_installs_what_reads_it() -> None:
    assert "blank_settings.pth" in (ROOT / "scripts" / "setup.sh").read_text(encoding="utf-8")
