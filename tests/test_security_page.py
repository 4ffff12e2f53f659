"""docs/security.md has every limit of the code, with its number, and no other."""

import ast
import importlib
import re

from config import ROOT

limits_table = importlib.import_module("scripts.limits_table")  # a script, and no package that mypy follows
ROW = re.compile(r"^\| `(?P<key>[^`]+)` \|", re.MULTILINE)


def names_in_code() -> set[str]:
    """The names of allowances in the code, as patterns: what is filled in stands for any text."""
    found = set()
    for path in sorted((ROOT / "otp_service").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Allowance" and node.args:
                found.add(pattern_of(node.args[0]))
    return found


def pattern_of(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        parts = [re.escape(str(one.value)) if isinstance(one, ast.Constant) else ".+" for one in node.values]
        return "".join(parts)
    return re.escape(str(node.value)) if isinstance(node, ast.Constant) else ".+"


def listed() -> list[str]:
    found: list[str] = ROW.findall(limits_table.table())
    return found


def test_the_page_has_the_table_of_this_code() -> None:
    page = limits_table.PAGE.read_text(encoding="utf-8")

    assert limits_table.with_table(page) == page, "run `make limits`"


def test_every_allowance_of_the_code_is_in_the_table() -> None:
    keys = listed()

    missing = [name for name in names_in_code() if not any(re.fullmatch(name, key) for key in keys)]

    assert sorted(missing) == []


def test_no_limit_stands_twice() -> None:
    lines = limits_table.table().splitlines()

    assert sorted(lines) == sorted(set(lines))
