"""Key pairs: making, exchanging and publishing them."""

import hashlib
import json
import stat
from pathlib import Path

import pytest
from flask import Flask

from config import ConfigError
from otp_service.core.services import services_of
from otp_service.sessions import jwk
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.environments import PRODUCTION
from tests.parallel import at_once
from tests.sessions.conftest import MakePairs
from tests.sessions.forging import encode, parts_of
from tests.sessions.pairs import ALGORITHMS, Pairs

pytestmark = pytest.mark.one_database


@pytest.fixture
def pairs(make_pairs: MakePairs) -> Pairs:
    """An application that signs with the most usual algorithm."""
    return make_pairs()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_names_its_key_and_is_taken(make_pairs: MakePairs, sinch: Simulator, algorithm: str) -> None:
    pairs = make_pairs(algorithm)
    token = pairs.new_token(sinch)
    assert parts_of(token)[0] == {"alg": algorithm, "typ": "JWT", "kid": pairs.kid("current")}
    assert pairs.takes(token)


@pytest.mark.parametrize(
    ("algorithm", "fixed"),
    [("ES256", {"kty": "EC", "crv": "P-256"}), ("EdDSA", {"kty": "OKP", "crv": "Ed25519"}), ("RS256", {"kty": "RSA"})],
)
def test_the_key_set_holds_public_members_alone(make_pairs: MakePairs, algorithm: str, fixed: dict[str, str]) -> None:
    pairs = make_pairs(algorithm)
    response = pairs.api.get("//.well-known/jwks.json")
    assert response.headers["Cache-Control"] == "public, max-age=300"
    (key,) = response.json["keys"]
    members = {"EC": {"x", "y"}, "OKP": {"x"}, "RSA": {"n", "e"}}[fixed["kty"]]
    assert set(key) == {"kid", "use", "alg", *fixed, *members}
    assert {**key, **fixed, "use": "sig", "alg": algorithm, "kid": pairs.kid("current")} == key


def test_the_key_set_is_empty_while_a_shared_secret_signs(api: Api) -> None:
    response = api.get("//.well-known/jwks.json")
    assert (response.status_code, response.json) == (200, {"keys": []})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_id_is_the_thumbprint_of_the_key(make_pairs: MakePairs, algorithm: str) -> None:
    (key,) = make_pairs(algorithm).key_set()
    required = {name: key[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in key}
    text = json.dumps(required, sort_keys=True, separators=(",", ":"))
    assert key["kid"] == encode(hashlib.sha256(text.encode()).digest())


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert (
        jwk.key_id(Ed25519PublicKey.from_public_bytes(public), "EdDSA") == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    )


def test_after_a_rotation_old_and_new_tokens_are_taken_without_a_restart(
    make_pairs: MakePairs, sinch: Simulator
) -> None:
    pairs, twin = make_pairs(), make_pairs()
    before, old = pairs.new_token(sinch), pairs.kid("current")
    assert "next" in pairs.command("generate")
    assert [key["kid"] for key in twin.key_set()] == [old, pairs.kid("next")]
    upcoming = pairs.kid("next")
    pairs.command("rotate")
    after = twin.new_token(sinch)
    assert parts_of(after)[0]["kid"] == upcoming == pairs.kid("current")
    assert [one.takes(token) for one in (pairs, twin) for token in (before, after)] == [True] * 4


def test_a_retired_key_is_accepted_until_its_tokens_have_expired(pairs: Pairs, time: Time) -> None:
    old = pairs.kid("current")
    pairs.command("rotate")
    time.advance(900)
    assert old in {key["kid"] for key in pairs.key_set()}
    time.advance(61)
    assert {key["kid"] for key in pairs.key_set()} == {pairs.kid("current")}
    assert pairs.command("retire") == f"Deleted {old}.\n"
    assert not (pairs.folder / f"{old}.pem").exists()


def test_retiring_a_key_by_its_id_refuses_its_tokens_at_once(pairs: Pairs, sinch: Simulator) -> None:
    token, old = pairs.new_token(sinch), pairs.kid("current")
    pairs.command("rotate")
    assert pairs.takes(token)
    pairs.command("retire", old)
    assert not pairs.takes(token)
    assert old not in {key["kid"] for key in pairs.key_set()}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["retire", "current"], "That key signs now."),
        (["retire", "unknown"], "There is no key"),
        (["retire", "-begins-with-a-dash"], "There is no key -begins-with-a-dash"),
        (["retire", "--with-two"], "There is no key --with-two"),
        (["generate"], "next"),
    ],
)
def test_what_must_not_be_done_to_keys_is_refused(pairs: Pairs, arguments: list[str], expected: str) -> None:
    pairs.command("generate")
    named = [pairs.kid("current") if word == "current" else word for word in arguments]
    result = pairs.app.test_cli_runner().invoke(args=["keys", *named])
    assert (result.exit_code, expected in result.output) == (1, True)
    assert [entry["state"] for entry in pairs.listed()] == ["current", "next"]


def test_without_a_next_key_a_rotation_makes_one_and_warns(pairs: Pairs) -> None:
    assert "No next key was published" in pairs.command("rotate")
    assert [entry["state"] for entry in pairs.listed()] == ["retired", "current"]


def test_key_files_are_readable_by_their_owner_alone(pairs: Pairs) -> None:
    pairs.command("generate")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in pairs.folder.iterdir()}
    assert (modes, stat.S_IMODE(pairs.folder.stat().st_mode)) == ({0o600}, 0o700)


def test_commands_for_keys_want_an_algorithm_with_key_pairs(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["keys", "generate"])
    assert (result.exit_code, "Set JWT_ALGORITHM" in result.output) == (1, True)


def test_the_keys_of_another_algorithm_are_neither_shown_nor_accepted(make_pairs: MakePairs, sinch: Simulator) -> None:
    token = make_pairs("ES256").new_token(sinch)
    other = make_pairs("EdDSA")
    assert not other.takes(token)
    assert {key["alg"] for key in other.key_set()} == {"EdDSA"}
    assert make_pairs("ES256").takes(token)


def test_processes_that_start_at_once_make_one_key(make_pairs: MakePairs, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    made = at_once(8, lambda _: make_pairs())
    assert len({one.kid("current") for one in made}) == 1


def test_a_manifest_that_was_spoilt_leaves_the_keys_in_use(pairs: Pairs, sinch: Simulator) -> None:
    token = pairs.new_token(sinch)
    (pairs.folder / "manifest.json").write_text('{"keys": [')
    assert pairs.takes(token)
    (pairs.folder / "manifest.json").unlink()
    assert pairs.takes(token)


def production(tmp_path: Path, **settings: str) -> dict[str, str]:
    return {**PRODUCTION, "JWT_KEYS_DIR": str(tmp_path), "SINCH_BASE_URL": "https://sinch.example", **settings}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_production_without_a_key_refuses_to_start_and_says_what_to_do(
    build_app: MakeApp, tmp_path: Path, algorithm: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        build_app(**production(tmp_path, JWT_ALGORITHM=algorithm, JWT_SECRET=""))
    expected = f"JWT_ALGORITHM: {tmp_path} has no key for {algorithm}; make one with: flask keys generate."
    assert refused.value.faults == [expected]


def test_production_refuses_a_key_that_cannot_be_read(make_pairs: MakePairs, build_app: MakeApp) -> None:
    pairs = make_pairs()
    (pairs.folder / f"{pairs.kid('current')}.pem").write_text("nonsense")
    with pytest.raises(ConfigError) as refused:
        build_app(**production(pairs.folder, JWT_ALGORITHM="ES256"))
    assert refused.value.faults[0].endswith(".pem cannot be used (ValueError).")


def test_production_with_a_key_starts_without_a_shared_secret(make_pairs: MakePairs, build_app: MakeApp) -> None:
    pairs = make_pairs()
    app = build_app(**production(pairs.folder, JWT_ALGORITHM="ES256", JWT_SECRET=""))
    assert services_of(app).signing_keys.signer().kid == pairs.kid("current")


def test_a_key_of_another_curve_or_too_short_is_unfit() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    unfit = [
        ("ES256", ec.generate_private_key(ec.SECP384R1()).private_bytes(*form)),
        ("RS256", rsa.generate_private_key(public_exponent=65537, key_size=1024).private_bytes(*form)),
        ("EdDSA", ec.generate_private_key(ec.SECP256R1()).private_bytes(*form)),
    ]
    for algorithm, pem in unfit:
        with pytest.raises(jwk.UnfitKey):
            jwk.load(pem, algorithm)
