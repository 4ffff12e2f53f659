"""docs/audit.md lists every event of the audit trail, and no other."""

import ast
import re
from functools import cache

from config import ROOT

RECORDING = {"record", "append", "record_strangers"}


@cache
def source() -> tuple[ast.AST, ...]:
    paths = (ROOT / "otp_service").rglob("*.py")
    return tuple(node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def texts_in(node: ast.AST) -> set[str]:
    texts = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return {text for text in texts if re.fullmatch(r"[a-z]+\.[a-z_]+", text)}


def recorded() -> set[str]:
    """The events that a call names where it records them."""
    calls = [node for node in source() if isinstance(node, ast.Call) and node.args]
    names = [(call, getattr(call.func, "attr", getattr(call.func, "id", ""))) for call in calls]
    return {text for call, name in names if name in RECORDING for text in texts_in(call.args[0])}


def listed() -> list[str]:
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    return [name for row in re.findall(r"^\| (`[^|]+) \|", page, re.M) for name in re.findall(r"`([^`]+)`", row)]


def test_every_event_that_is_recorded_is_listed() -> None:
    assert recorded() - set(listed()) == set()


def test_no_listed_event_is_stale_and_none_is_listed_twice() -> None:
    known = {text for node in source() for text in texts_in(node)}
    assert set(listed()) - known == set()
    assert len(listed()) == len(set(listed()))
