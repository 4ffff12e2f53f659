"""What the rest of the service may use of verifications."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from otp_service import verifications

pytestmark = pytest.mark.one_database

PACKAGE = Path(verifications.__file__).parent
FACE = {
    "CHANNELS",
    "Along",
    "Asker",
    "Delivery",
    "Owner",
    "Proof",
    "Purpose",
    "Recipient",
    "channels_to",
    "check_anonymous_channel",
    "check_destination",
    "end_codes",
    "end_codes_of_others",
    "end_codes_of_users",
    "find_destination",
    "find_on_its_way",
    "find_refusal",
    "find_started",
    "find_user_id",
    "forget_owner",
    "owner_of_app",
    "owner_of_user",
    "prove",
    "send",
    "spend",
}
OPEN_MODULES = {
    "bound", "callbacks", "counted", "errors", "limits", "overview", "owners", "records", "registry", "settings",
    "states", "sweeping",
}  # fmt: skip
"""Modules that others may import: for errors, limits, settings, backends, totals, and the work of operators."""


def imported_modules() -> Iterator[tuple[str, str]]:
    """(file, module of verifications) for each import from outside the package."""
    for path in PACKAGE.parent.rglob("*.py"):
        if path.is_relative_to(PACKAGE):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "otp_service.verifications":
                yield from ((path.name, alias.name) for alias in node.names if alias.name not in FACE)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("otp_service.verifications."):
                yield path.name, str(node.module).split(".")[2]


def test_the_face_holds_these_names() -> None:
    assert set(verifications.__all__) == FACE
    assert all(hasattr(verifications, name) for name in FACE)


def test_the_rest_of_the_service_imports_open_modules_alone() -> None:
    assert {(file, module) for file, module in imported_modules() if module not in OPEN_MODULES} == set()
