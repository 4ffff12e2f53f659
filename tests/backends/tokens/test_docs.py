"""The code of docs/protect-a-service.md, run against the service."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from flask import Flask

from otp_service import sessions
from otp_service.audit import COMMAND_LINE
from otp_service.backends.app_keys import Scope
from tests.backends.callers import make_key
from tests.backends.tokens.bearers import Bearer, make_bearer
from tests.conftest import MakeApp
from tests.serving import serving_app
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.one_database

DOCS = Path(__file__).resolve().parents[3] / "docs"
Check = Callable[[str], dict[str, Any] | None]


@pytest.fixture
def asymmetric(make_app: MakeApp, tmp_path: Path) -> Flask:
    return make_app(JWT_ALGORITHM="ES256", JWT_KEYS_DIR=str(tmp_path / "keys"))


@pytest.fixture
def code(asymmetric: Flask) -> Iterator[Callable[[str, str], str]]:
    """The block of the page in a language that has a word, with the address and a key in their places."""
    key = make_key(asymmetric, Scope.TOKENS).text
    page = (DOCS / "protect-a-service.md").read_text(encoding="utf-8")

    with serving_app(asymmetric) as address:

        def block(language: str, word: str) -> str:
            (found,) = [text for text in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) if word in text]
            return str(found).replace("http://127.0.0.1:8000", f"http://{address}").replace("otpk_...", key)

        yield block


def end(app: Flask, bearer: Bearer) -> None:
    with app.app_context():
        sessions.end(bearer.caller.session_id, user_id=bearer.caller.user_id, client=COMMAND_LINE)


def in_python(code: str) -> Check:
    place: dict[str, Any] = {}
    exec(code, place)
    check: Check = place["claims_of"]
    return check


def in_node(code: str, folder: Path, *tokens: str) -> list[Any]:
    """What the code says of each token; the text of an error for one that it rejects."""
    shutil.copy(DOCS / "samples" / "check_token.mjs", folder)
    asking = "for (const token of process.argv.slice(2)) { let said; try { said = await claimsOf(token); } "
    asking += "catch (error) { said = error.message; } console.log(JSON.stringify(said)); }"
    (folder / "sample.mjs").write_text(f"{code}\n{asking}")
    done = subprocess.run(
        ["node", str(folder / "sample.mjs"), *tokens],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_introspection_in_python(asymmetric: Flask, code: Callable[[str, str], str]) -> None:
    bearer, claims_of = make_bearer(asymmetric), in_python(code("python", "/tokens/introspect"))

    assert (claims_of(bearer.token) or {})["sub"] == bearer.user_id

    end(asymmetric, bearer)
    assert [claims_of(token) for token in (bearer.token, "garbage", "")] == [None] * 3


def test_introspection_in_python_rejects_a_wrong_key(code: Callable[[str, str], str]) -> None:
    wrong = re.sub(r"otpk_\w+", "otpk_wrong", code("python", "/tokens/introspect"))

    with pytest.raises(requests.HTTPError, match="401"):
        in_python(wrong)("a.b.c")


def test_the_signature_in_python(asymmetric: Flask, code: Callable[[str, str], str]) -> None:
    bearer, claims_of = make_bearer(asymmetric), in_python(code("python", "PyJWKClient"))

    assert (claims_of(bearer.token) or {})["sid"] == bearer.session_id
    with pytest.raises(jwt.PyJWTError):
        claims_of(f"{bearer.token[:-4]}AAAA")


@pytest.mark.parametrize("word", ["/tokens/introspect", "TokenChecker"] if shutil.which("node") else [])
def test_in_javascript(asymmetric: Flask, code: Callable[[str, str], str], tmp_path: Path, word: str) -> None:
    bearer = make_bearer(asymmetric)

    good, bad = in_node(code("js", word), tmp_path, bearer.token, f"{bearer.token[:-4]}AAAA")

    assert (good["sub"], good["sid"]) == (bearer.user_id, bearer.session_id)
    assert bad is None if word == "/tokens/introspect" else bad == "bad signature"
