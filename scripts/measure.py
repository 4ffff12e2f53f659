#!/usr/bin/env python3
"""Measures the structure of the code: rooms, sizes, comments, test support, and the files that one sign-in crosses."""

import ast
import io
import re
import statistics
import subprocess
import sys
import tempfile
import tokenize
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from flask.testing import FlaskClient
from flask_migrate import upgrade

from config import Config
from otp_service.application import create_app
from otp_service.simulator import Simulator, SimulatorSettings, running
from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "otp_service"
SMALL_LINES = 40
SUBJECT_CHARACTERS = 72
PERSON = {"email": "ada@example.com", "password": "Correct-Horse-7", "phoneNumber": "+14155552671"}


def main() -> int:
    """Print one row for each measure."""
    modules = sorted(PACKAGE.rglob("*.py"))
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    filled = [count for path, count in lines.items() if path.name != "__init__.py"]
    crossed = functions_of_a_sign_in()
    deciding = [path for path, starts in crossed.items() if decides(path, starts)]
    helpers = [name for path in (ROOT / "tests").rglob("*.py") for name in helpers_of(path)]
    within, subjects = commit_subjects()
    small = sum(count <= SMALL_LINES for count in lines.values())
    rows = (
        ("modules", f"{len(modules)}"),
        (f"  of {SMALL_LINES} lines or fewer", f"{small} (without __init__: {sum(c <= SMALL_LINES for c in filled)})"),
        ("  imported by exactly one other", f"{imported_once(modules)}"),
        ("lines of a module: median / p90 / max", sizes(filled)),
        ("files that one sign-in crosses", f"{len(crossed)}"),
        ("  of them with an `if` in a function that ran", f"{len(deciding)}"),
        ("comments that say why, per 100 lines of code", comments(modules)),
        ("imports inside functions of otp_service/__init__.py", f"{inner_imports(PACKAGE / '__init__.py')}"),
        ("imports inside functions, all modules", f"{sum(map(inner_imports, modules))}"),
        ("test helpers; names defined more than once", f"{len(helpers)}; {repeated(helpers)}"),
        (f"commit subjects within {SUBJECT_CHARACTERS} characters", f"{within} of the last {subjects}"),
    )
    for name, value in rows:
        print(f"{name:<52} {value}")
    return 0


def sizes(counts: list[int]) -> str:
    """Median, ninth decile and maximum."""
    return f"{statistics.median(counts):.0f} / {statistics.quantiles(counts, n=10)[-1]:.0f} / {max(counts)}"


def imported_once(modules: list[Path]) -> int:
    """Count the modules that exactly one other module imports."""
    names = {module_name(path): path for path in modules}
    importers: Counter[str] = Counter()
    for path in modules:
        importers.update(imports_of(path, set(names)) - {module_name(path)})
    return sum(importers[name] == 1 for name, path in names.items() if path.name != "__init__.py")


def imports_of(path: Path, names: set[str]) -> set[str]:
    """Name the modules of ours that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & names


def module_name(path: Path) -> str:
    """Turn `otp_service/core/clock.py` into `otp_service.core.clock`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def comments(modules: list[Path]) -> str:
    """Count comments, without those that steer tools, per 100 lines of code; and references to a decision record."""
    reasons, code, records = 0, 0, 0
    for path in modules:
        text = path.read_text(encoding="utf-8")
        records += len(re.findall(r"\bADR \d+", text))
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        previous = 0
        for token in tokens:
            if token.type == tokenize.COMMENT and not re.match(r"#\s*(noqa|type:|fmt:|pragma|!)", token.string):
                reasons += token.start[0] != previous + 1  # lines in a row are one comment
                previous = token.start[0]
        code += len({token.start[0] for token in tokens if token.type in {tokenize.NAME, tokenize.OP}})
    return f"{100 * reasons / code:.1f} ({reasons} in {code} lines); {records} references to an ADR"


def inner_imports(path: Path) -> int:
    """Count the import statements inside functions."""
    functions = (
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
    )
    inner = {
        node for function in functions for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)
    }
    return len(inner)


def helpers_of(path: Path) -> Iterator[str]:
    """Name the functions of a test file that are neither tests nor fixtures, outside classes."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith(("test_", "pytest_")):
            is_fixture = any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
            if not is_fixture:
                yield node.name


def repeated(helpers: list[str]) -> str:
    """Name the helpers that stand in several places."""
    several = [f"{name} {count}x" for name, count in Counter(helpers).most_common() if count > 1]
    return f"{len(several)} ({', '.join(several[:8])})" if several else "0"


def commit_subjects() -> tuple[int, int]:
    """Count how many of the last 50 commit subjects are short enough."""
    command = ("git", "log", "-50", "--no-merges", "--format=%s")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    subjects = done.stdout.splitlines()
    return sum(len(subject) <= SUBJECT_CHARACTERS for subject in subjects), len(subjects)


def decides(path: Path, starts: set[int]) -> bool:
    """Tell whether one of the functions that begin at these lines has an `if`."""
    functions = (
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
    )
    ran = [node for node in functions if {node.lineno, *(each.lineno for each in node.decorator_list)} & starts]
    return any(isinstance(node, ast.If) for function in ran for node in ast.walk(function))


def functions_of_a_sign_in() -> dict[Path, set[int]]:
    """Sign in by password and SMS, and list our files with the first lines of the functions that ran."""
    seen: set[tuple[str, int]] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            seen.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    with service() as (client, simulator):
        client.post("/api/v1/auth/register", json=PERSON).get_json()
        sys.setprofile(note)
        try:
            sign_in(client, simulator)
        finally:
            sys.setprofile(None)
    crossed: dict[Path, set[int]] = {}
    for name, start in seen:
        path = Path(name)
        if path.is_relative_to(PACKAGE) and not path.is_relative_to(PACKAGE / "simulator"):
            crossed.setdefault(path, set()).add(start)
    return crossed


@contextmanager
def service() -> Iterator[tuple[FlaskClient, Simulator]]:
    """Run the service on an empty SQLite database with a simulated Sinch."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(SimulatorSettings(DEMO_KEY, DEMO_SECRET)) as simulator,
    ):
        settings = {"APP_ENV": "development", "INSTANCE_DIR": folder, "SINCH_BASE_URL": simulator.base_url}
        app = create_app(Config.from_env(settings | {"LOG_LEVEL": "ERROR"}))
        with app.app_context():
            upgrade(directory=str(ROOT / "migrations"))
        yield app.test_client(), simulator


def sign_in(client: FlaskClient, simulator: Simulator) -> None:
    """Sign in by password and code. Raises SystemExit when that fails."""
    login = client.post("/api/v1/auth/login", json={name: PERSON[name] for name in ("email", "password")})
    code = simulator.inbox(PERSON["phoneNumber"])[0]["code"]
    body = {"challengeToken": login.get_json()["challengeToken"], "otpCode": code}
    verified = client.post("/api/v1/auth/verify-otp", json=body)
    if "token" not in verified.get_json():
        raise SystemExit(f"The sign-in failed: {verified.get_json()}")


if __name__ == "__main__":
    sys.exit(main())
