#!/usr/bin/env python3
"""Vendors the viewer of the API anew: `scripts/update_swagger_ui.py VERSION`; needs npm, which checks the package."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "swagger-ui-dist"
FOLDER = Path(__file__).resolve().parent.parent / "otp_service/web/swagger_ui"
FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE")


def main(version: str) -> None:
    """Fetch a version, copy the FILES, and record where they come from."""
    with tempfile.TemporaryDirectory() as folder:
        packed = _npm("pack", f"{PACKAGE}@{version}", "--json", "--pack-destination", folder)
        (facts,) = json.loads(packed)
        with tarfile.open(Path(folder, facts["filename"])) as archive:
            archive.extractall(folder, filter="data")
        for name in FILES:
            shutil.copyfile(Path(folder, "package", name), FOLDER / name)
    digests = {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in FILES}
    record = {"package": PACKAGE, "version": facts["version"], "integrity": facts["integrity"], "sha256": digests}
    (FOLDER / "source.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(f"{PACKAGE} {facts['version']}: run make test-browser, and try /docs.")


def _npm(*arguments: str) -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("This needs npm: https://nodejs.org/")
    return subprocess.run([npm, *arguments], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004
        raise SystemExit(__doc__)
    main(sys.argv[1])
