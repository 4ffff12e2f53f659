"""Every field of every log line has one spelling, in camelCase."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from config import ROOT

CAMEL_CASE = re.compile(r"[a-z]+([A-Z][a-z0-9]*)*")
SYNONYMS = {"milliseconds", "durationMs", "statusCode", "retryAfterSeconds", "userID", "addr", "address"}
"""Other words for `ms`, `status`, `httpStatus`, `retryAfter`, `userId` and `ip`."""


def fields_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "extra" and isinstance(node.value, ast.Dict):
            for key in node.value.keys:
                if isinstance(key, ast.Constant):
                    yield str(key.value)


def test_the_fields_of_log_lines_are_camel_case_and_have_no_synonym() -> None:
    found = {field for path in (ROOT / "otp_service").rglob("*.py") for field in fields_of(path)}

    assert found >= {"userId", "ip", "reason", "code"}
    assert [field for field in sorted(found) if not CAMEL_CASE.fullmatch(field) or field in SYNONYMS] == []
