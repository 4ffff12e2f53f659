"""The samples of docs/tokens.md, run as another service would run them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from otp_service.core import clock
from otp_service.simulator import Simulator
from tests.api import Api
from tests.factories import make_person, sign_in
from tests.serving import serving_app
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
    with serving_app(pairs_of_each.app) as address:
        yield f"http://{address}/.well-known/jwks.json"


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


@pytest.mark.parametrize("pairs_of_each", ["EdDSA"], indirect=True)
def test_a_sample_allows_clocks_that_differ_a_little_and_no_longer_life(
    pairs_of_each: Pairs, sinch: Simulator, key_set_url: str, runner: list[str]
) -> None:
    header, claims, _ = parts_of(pairs_of_each.new_token(sinch))
    key, now = pairs_of_each.private_key(header["kid"]), int(clock.system_now().timestamp())
    tokens = {
        "an hour early": {"nbf": now + 3600, "iat": now + 3600, "exp": now + 7200},
        "just over": {"exp": now - 1},
        "a second early": {"nbf": now + 1, "iat": now + 1, "exp": now + 900},
    }
    signed = {name: signed_by(key, header, {**claims, **times}) for name, times in tokens.items()}
    assert taken(signed, runner, key_set_url, pairs_of_each.algorithm) == {"a second early"}


def test_against_hs256_a_sample_says_what_to_set(app: Flask, api: Api, sinch: Simulator, runner: list[str]) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    for algorithm in ("ES256", "HS256"):
        done = check(runner, "http://127.0.0.1:1/.well-known/jwks.json", algorithm, token)
        assert (done.returncode, done.stdout) == (1, "")
        assert "signs with HS256" in done.stderr
        assert "JWT_ALGORITHM=ES256" in done.stderr


@pytest.mark.parametrize("pairs_of_each", ["EdDSA"], indirect=True)
def test_a_sample_names_the_algorithm_that_the_service_uses(
    pairs_of_each: Pairs, sinch: Simulator, key_set_url: str, runner: list[str]
) -> None:
    done = check(runner, key_set_url, "ES256", pairs_of_each.new_token(sinch))
    assert "EdDSA" in done.stderr


def test_a_sample_without_arguments_says_how_to_use_it(runner: list[str]) -> None:
    done = subprocess.run(runner, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (done.returncode, done.stderr.startswith("Use: ")) == (1, True)


def test_without_its_library_the_sample_for_python_says_what_to_install() -> None:
    bare = [sys.executable, "-I", "-S", RUNNERS[0][1], "url", "issuer", "audience", "ES256"]
    done = subprocess.run(bare, input="", capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (done.returncode, "pip install" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_docs_show_the_samples_as_they_are() -> None:
    page = (SAMPLES.parent / "tokens.md").read_text(encoding="utf-8")
    for name in ("check_token.py", "check_token.mjs"):
        assert f"samples/{name}" in page
