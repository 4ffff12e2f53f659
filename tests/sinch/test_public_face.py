"""The public face of the package: it exports what the rest of the service uses, and nothing more."""

import ast
from functools import cache
from pathlib import Path

import otp_service
from otp_service import sinch

PACKAGE = Path(otp_service.__file__).parent
OUTSIDE = [path for path in PACKAGE.rglob("*.py") if PACKAGE / "sinch" not in path.parents]
OUTSIDE.append(PACKAGE.parent / "config.py")


@cache
def nodes() -> list[ast.AST]:
    """All that is written outside the package."""
    return [node for path in OUTSIDE for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]


def imported_from(module: str) -> set[str]:
    imports = (node for node in nodes() if isinstance(node, ast.ImportFrom) and node.module == module)
    return {alias.name for node in imports for alias in node.names}


def attributes_of(name: str) -> set[str]:
    """Every `name.attribute` outside the package."""
    attributes = (node for node in nodes() if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name))
    return {node.attr for node in attributes if node.value.id == name}  # type: ignore[attr-defined]


def test_it_exports_what_is_used_elsewhere_and_no_more() -> None:
    assert set(sinch.__all__) == imported_from("otp_service.sinch") | attributes_of("sinch")


def test_its_modules_are_its_own_affair() -> None:
    modules = {node.module or "" for node in nodes() if isinstance(node, ast.ImportFrom)}
    assert not [module for module in modules if module.startswith("otp_service.sinch.")]
