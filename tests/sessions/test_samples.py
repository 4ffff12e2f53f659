"""The samples of docs/tokens.md, run as another service would run them."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from otp_service.simulator import Simulator
from tests.sessions.forging import encode, parts_of
from tests.sessions.pairs import Pairs, signed_by
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.one_database

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "samples"
RUNNERS = [[sys.executable, str(SAMPLES / "check_token.py")]]
if shutil.which("node"):  # the sample for Node is tested where there is a Node
    RUNNERS.append(["node", str(SAMPLES / "check_token.mjs")])


@pytest.fixture
def key_set_url(pairs_of_each: Pairs) -> Iterator[str]:
    """The key set on a real socket."""
    server = make_server("127.0.0.1", 0, pairs_of_each.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=RUNNERS, ids=lambda runner: Path(runner[1]).suffix)
def runner(request: pytest.FixtureRequest) -> list[str]:
    """How each sample is started."""
    return list(request.param)


def check(runner: list[str], url: str, algorithm: str, token: str) -> subprocess.CompletedProcess[str]:
    command = [*runner, url, "otp_service", "otp_service", algorithm]
    return subprocess.run(command, input=token, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


def test_a_sample_takes_a_good_token_and_tells_its_claims(
    pairs_of_each: Pairs, sinch: Simulator, key_set_url: str, runner: list[str]
) -> None:
    token = pairs_of_each.new_token(sinch)
    done = check(runner, key_set_url, pairs_of_each.algorithm, token)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == parts_of(token)[1]


def test_a_sample_refuses_what_is_no_good_token(
    pairs_of_each: Pairs, sinch: Simulator, key_set_url: str, runner: list[str]
) -> None:
    token = pairs_of_each.new_token(sinch)
    header, claims, signature = parts_of(token)
    key = pairs_of_each.private_key(header["kid"])
    bad = {
        "of an unknown key": signed_by(key, {**header, "kid": "unknown"}, claims),
        "unsigned": f"{encode({'alg': 'none', 'typ': 'JWT', 'kid': header['kid']})}.{encode(claims)}.",
        "altered": f"{encode(header)}.{encode({**claims, 'sub': '1000000'})}.{encode(signature)}",
    }
    assert taken(bad, runner, key_set_url, pairs_of_each.algorithm) == set()


def taken(tokens: dict[str, str], runner: list[str], url: str, algorithm: str) -> set[str]:
    """The names of the tokens that a sample accepts."""
    return {name for name, token in tokens.items() if check(runner, url, algorithm, token).returncode == 0}


@pytest.mark.parametrize("pairs_of_each", ["EdDSA"], indirect=True)
def test_a_sample_refuses_what_is_not_meant_for_it(
    pairs_of_each: Pairs, sinch: Simulator, key_set_url: str, runner: list[str]
) -> None:
    header, claims, _ = parts_of(pairs_of_each.new_token(sinch))
    key = pairs_of_each.private_key(header["kid"])
    bad = {
        "expired": signed_by(key, header, {**claims, "exp": claims["iat"] - 1}),
        "of another audience": signed_by(key, header, {**claims, "aud": "another"}),
        "of another issuer": signed_by(key, header, {**claims, "iss": "another"}),
        "of another kind": signed_by(key, header, {**claims, "typ": "refresh"}),
    }
    assert taken(bad, runner, key_set_url, pairs_of_each.algorithm) == set()


def test_docs_show_the_samples_as_they_are() -> None:
    page = (SAMPLES.parent / "tokens.md").read_text(encoding="utf-8")
    for name in ("check_token.py", "check_token.mjs"):
        assert f"samples/{name}" in page
