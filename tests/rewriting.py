"""Lets each process of a parallel run rewrite the assertions of a part of the test modules, before all read the result.

Without it, every process of a fresh checkout would rewrite all modules, in the same order at the same time.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from config import ROOT

TURNED_OFF = "browser"
"""A folder of tests that only run by themselves."""


def take_a_share(config: pytest.Config) -> None:
    """Import some of the modules that this run collects."""
    worker = getattr(config, "workerinput", None)
    if worker is None or sys.dont_write_bytecode:
        return
    number = int(worker["workerid"].removeprefix("gw"))
    largest_first = sorted(_modules(config.args), key=lambda path: (-path.stat().st_size, path))
    for path in largest_first[number :: worker["workercount"]]:
        with suppress(Exception):  # the collection imports it too, and reports what is wrong
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def _modules(arguments: list[str]) -> Iterator[Path]:
    for argument in arguments:
        path = Path(argument.partition("::")[0]).resolve()
        found = [path] if path.is_file() else path.rglob("test_*.py")
        yield from (each for each in found if TURNED_OFF not in each.parts)
