"""The house rules that no linter checks: who may know the request, who commits, how long things may be."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from flask import Flask

from otp_service.core.web.problems import API_PREFIX

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "otp_service"
FILE_LINES = 400
FUNCTION_LINES = 40
VIEW_LINES = 20
OF_THE_REQUEST = {"request", "g", "session", "abort", "jsonify", "make_response", "redirect", "after_this_request"}
READ_THE_REQUEST = {
    PACKAGE / "sessions/access.py",
    PACKAGE / "sessions/browsers.py",
    PACKAGE / "backends/access.py",
    PACKAGE / "ops/access.py",
    PACKAGE / "backends/verifications/repeatable.py",
}
"""Outside views and core: what reads the tokens and keys of a request, around a view."""
SPEAK_MARSHMALLOW = (
    "schemas.py",
    "fields.py",
    "core/web/api.py",
    "core/web/schema.py",
    "ops/openapi/building.py",
    "ops/openapi/json_schemas.py",
    "ops/openapi/error_responses.py",
)
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
PACKAGE_OF = {
    "account": "selfservice",
    "profile": "selfservice",
    "users": "backends",
    "verifications": "backends",
    "tokens": "backends",
    "forward-auth": "backends",
    "devices": "factors",
    "health": "ops",
    "ready": "ops",
    "insights.json": "ops",
    "openapi.json": "ops",
    ".well-known": "sessions",
    ".well-known/oauth-authorization-server": "backends",
}
"""The package that serves a first segment of URLs, or one path, where it is not the package of that name."""
MEANINGS = {
    "__init__": "what a package is for, and its public face",
    "access": "the decorators that admit a caller",
    "adapter": "a client, as the contract of providers wants it",
    "challenges": "what a feature issues to be answered once",
    "client": "the operations of a server outside",
    "codes": "the codes of a factor: their form, and what makes one right",
    "contract": "what each of several exchangeable parts offers",
    "errors": "what can go wrong in a feature, and what the client reads",
    "factor": "one kind of authenticator, as the contract wants it",
    "models": "the tables that a feature owns",
    "records": "reads and writes of the feature's own tables",
    "registry": "which exchangeable parts there are",
    "schemas": "the shape of requests and responses",
    "settings": "the settings of a feature, and how they are read",
    "throttle": "what a feature makes of failed tries",
    "transport": "one exchange with a server outside",
    "views": "the routes of a feature",
}
"""The module names that stand in several packages, and the one thing that each means."""
SKIPPING = {"skip", "skipif", "xfail", "importorskip"}
PATCHING = {"setattr", "delattr", "setitem", "delitem"}  # of pytest's monkeypatch; the environment may be set


def offenders(pattern: str, is_wrong: Callable[[Path], bool]) -> list[str]:
    """The files of ours that match and break a rule."""
    files = sorted(ROOT.glob(pattern))
    assert files, pattern
    return [str(path.relative_to(ROOT)) for path in files if is_wrong(path)]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    """Every (module, name) that is imported anywhere in the file; the name is empty for `import module`."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def modules_of(path: Path) -> set[str]:
    return {module for module, _ in imports_of(path)}


def attributes_of(path: Path, names: set[str]) -> set[tuple[str, str]]:
    """Every `value.attribute` in the file, of attributes with these names."""
    nodes = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute) and node.attr in names)
    return {(ast.unparse(node.value), node.attr) for node in nodes}


def is_views(path: Path) -> bool:
    """Whether the file is a view module, by its name."""
    return path.name == "views.py" or path.name.endswith("_views.py")


def has_routes(path: Path) -> bool:
    """Whether the file makes a blueprint."""
    calls = (node.func for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))
    return any(isinstance(function, ast.Name) and function.id == "Blueprint" for function in calls)


def is_edge(path: Path) -> bool:
    """Whether the file may look at the request: views, the core, and the decorators that read a token or a key."""
    return is_views(path) or path.is_relative_to(PACKAGE / "core") or path in READ_THE_REQUEST


def test_services_know_nothing_of_the_request() -> None:
    def is_wrong(path: Path) -> bool:
        from_flask = {name for module, name in imports_of(path) if module == "flask"}
        return not is_edge(path) and bool(from_flask & {*OF_THE_REQUEST, ""})  # `import flask` would hide what is used

    assert offenders("otp_service/**/*.py", is_wrong) == []


def test_routes_stand_in_view_modules_alone() -> None:
    assert offenders("otp_service/**/*.py", lambda path: has_routes(path) and not is_views(path)) == []


def test_views_ask_no_database() -> None:
    def is_wrong(path: Path) -> bool:
        is_database = re.compile(r"sqlalchemy.*|.*\.models|otp_service\.(core\.database.*|extensions)")
        return is_views(path) and any(map(is_database.fullmatch, modules_of(path)))

    assert offenders("otp_service/**/*.py", is_wrong) == []


def test_views_are_short_and_raise_nothing_by_themselves() -> None:
    def is_wrong(path: Path) -> bool:
        functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)]
        is_long = any((node.end_lineno or 0) - node.lineno >= VIEW_LINES for node in functions)
        decides = any(isinstance(node, ast.Raise | ast.Try | ast.While) for node in ast.walk(tree_of(path)))
        return is_views(path) and (is_long or decides)

    assert offenders("otp_service/**/*.py", is_wrong) == []


def test_commands_ask_no_database() -> None:
    def is_wrong(path: Path) -> bool:
        is_database = re.compile(
            r"sqlalchemy(?!\.exc$).*|.*\.models|otp_service\.(core\.database\.transactions|extensions)"
        )
        return any(map(is_database.fullmatch, modules_of(path)))

    assert offenders("otp_service/operators/*_cli.py", is_wrong) == []


def test_only_the_database_module_ends_transactions() -> None:
    def is_wrong(path: Path) -> bool:
        ends = attributes_of(path, {"commit", "rollback"})
        return bool(ends) and path != PACKAGE / "core/database/transactions.py"

    assert offenders("otp_service/**/*.py", is_wrong) == []


def test_a_table_is_known_to_its_feature_alone() -> None:
    def is_wrong(path: Path) -> bool:
        owners = {name.split(".")[1] for name in modules_of(path) if re.fullmatch(r"otp_service\..+\.models", name)}
        return not owners <= {path.relative_to(PACKAGE).parts[0]}

    assert offenders("otp_service/**/*.py", is_wrong) == []


def test_only_schemas_speak_marshmallow() -> None:
    def is_wrong(path: Path) -> bool:
        return "marshmallow" in modules_of(path) and not str(path).endswith(SPEAK_MARSHMALLOW)

    assert offenders("otp_service/**/*.py", is_wrong) == []


def test_every_module_opens_with_a_sentence() -> None:
    def is_wrong(path: Path) -> bool:
        opening = (ast.get_docstring(tree_of(path)) or "").partition("\n\n")[0]
        return not re.match(r"[A-Z`'\"]|otp_service", opening) or not opening.endswith((".", ":", "?"))

    assert offenders("otp_service/**/*.py", is_wrong) == []
    assert offenders("*.py", is_wrong) == []


def test_no_file_is_long() -> None:
    def is_wrong(path: Path) -> bool:
        return len(path.read_text(encoding="utf-8").splitlines()) > FILE_LINES

    assert offenders("otp_service/**/*.py", is_wrong) == []
    assert offenders("*.py", is_wrong) == []


def test_no_function_is_long() -> None:
    def is_wrong(path: Path) -> bool:
        functions = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef))
        return any((node.end_lineno or 0) - node.lineno >= FUNCTION_LINES for node in functions)

    assert offenders("otp_service/**/*.py", is_wrong) == []
    assert offenders("*.py", is_wrong) == []


def test_no_module_has_a_vague_name() -> None:
    assert offenders("otp_service/**/*.py", lambda path: bool({path.stem, path.parent.name} & VAGUE_NAMES)) == []


def decision_records() -> list[Path]:
    return sorted((ROOT / "docs/adr").glob("[0-9]*.md"))


def test_a_decision_record_has_a_number_of_its_own() -> None:
    records = decision_records()
    numbers = [int(path.name[:4]) for path in records]

    assert len(set(numbers)) == len(numbers)
    assert all(path.read_text(encoding="utf-8").startswith(f"# {int(path.name[:4])}. ") for path in records)


def test_the_index_of_the_decisions_has_a_line_for_each() -> None:
    index = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8").splitlines()
    titles = {path.name: path.read_text(encoding="utf-8").partition("\n")[0] for path in decision_records()}

    assert [line for line in index if line.startswith("- ")] == [
        f"- [{title.removeprefix('# ')}]({name})" for name, title in titles.items()
    ]


def test_every_file_that_the_architecture_page_names_exists() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", page)) - {"tests/"}

    assert "verifications/limits.py" in named
    assert [name for name in sorted(named) if not (PACKAGE / name).exists() and not (ROOT / name).exists()] == []


def test_a_module_name_has_one_meaning() -> None:
    # The simulator plays the other side of the contract, so its names may repeat ours.
    ours = (path for path in PACKAGE.rglob("*.py") if not path.is_relative_to(PACKAGE / "simulator"))
    stems = Counter(path.stem for path in ours)

    assert {stem for stem, count in stems.items() if count > 1} == set(MEANINGS)


def test_tests_use_the_real_thing_and_are_all_run() -> None:
    def is_wrong(path: Path) -> bool:
        used = attributes_of(path, SKIPPING | PATCHING)
        is_mocking = any("mock" in module.lower() for module in modules_of(path))
        is_skipping = any(value in {"pytest", "pytest.mark"} and name in SKIPPING for value, name in used)
        is_patching = any("monkeypatch" in value and name in PATCHING for value, name in used)
        return is_mocking or is_skipping or is_patching

    assert offenders("tests/**/*.py", is_wrong) == []


@pytest.mark.one_database
def test_the_first_segment_of_a_url_leads_to_the_package_that_serves_it(session_app: Flask) -> None:
    def home_of(path: str) -> str:
        if path.startswith("auth/password-reset"):
            return "recovery"
        package, _, rest = path.partition("/")
        kind = rest.partition("/")[0].replace("-", "_")
        if package == "factors" and kind and (PACKAGE / package / kind).is_dir():
            return f"{package}.{kind}"
        return PACKAGE_OF.get(path) or PACKAGE_OF.get(package, package)

    served = [
        (rule.rule.removeprefix(API_PREFIX).lstrip("/"), session_app.view_functions[rule.endpoint].__module__)
        for rule in session_app.url_map.iter_rules()
    ]

    assert "auth/login" in dict(served)
    assert [(p, module) for p, module in served if not module.startswith(f"otp_service.{home_of(p)}.")] == []
