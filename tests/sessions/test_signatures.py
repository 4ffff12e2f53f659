"""Signatures by key pairs: forgeries in the manner of Wycheproof, and algorithms that are taken for one another."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from otp_service.sessions import jwk
from otp_service.simulator import Simulator
from tests.sessions.conftest import MakePairs
from tests.sessions.forging import parts_of
from tests.sessions.pairs import Pairs, attackers_key, public_spellings, signed_by, with_signature

pytestmark = pytest.mark.one_database

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture
def pairs(pairs_of_each: Pairs) -> Pairs:
    """An application that signs with each algorithm in turn."""
    return pairs_of_each


@pytest.fixture
def token(pairs: Pairs, sinch: Simulator) -> str:
    """A good token."""
    return pairs.new_token(sinch)


def test_a_forge_with_the_real_key_is_taken(pairs: Pairs, token: str) -> None:
    header, claims, _ = parts_of(token)
    assert pairs.takes(signed_by(pairs.private_key(header["kid"]), header, claims))


def test_the_public_key_as_a_shared_secret_is_refused(pairs: Pairs, token: str) -> None:
    header, claims, _ = parts_of(token)
    for algorithm in ("HS256", pairs.algorithm):
        for secret in public_spellings(pairs.private_key(header["kid"])):
            for kid in ({}, {"kid": header["kid"]}):
                assert not pairs.takes(signed_by(secret, {"alg": algorithm, "typ": "JWT", **kid}, claims))


def test_the_empty_shared_secret_is_refused(pairs: Pairs, token: str) -> None:
    _, claims, _ = parts_of(token)
    assert not pairs.takes(signed_by(b"", {"alg": "HS256", "typ": "JWT"}, claims))


def test_another_key_of_the_same_kind_is_refused(pairs: Pairs, token: str) -> None:
    header, claims, _ = parts_of(token)
    own = attackers_key(pairs.algorithm)
    for kid in (header["kid"], jwk.key_id(own.public_key(), pairs.algorithm)):
        assert not pairs.takes(signed_by(own, {**header, "kid": kid}, claims))


def test_a_key_that_comes_with_the_token_is_refused(pairs: Pairs, token: str) -> None:
    header, claims, _ = parts_of(token)
    own = attackers_key(pairs.algorithm)
    embedded = {"jwk": jwk.public_jwk(own.public_key(), pairs.algorithm)}
    for extra in (embedded, {"jku": "http://127.0.0.1/jwks.json"}, {"x5u": "http://127.0.0.1/"}, {"crit": ["exp"]}):
        assert not pairs.takes(signed_by(own, {**header, **extra}, claims))
        assert not pairs.takes(signed_by(pairs.private_key(header["kid"]), {**header, **extra}, claims))


@pytest.mark.parametrize("kid", [None, "", "unknown", "../keys/manifest", ["x"], {"x": 1}, 7, True])
def test_a_missing_or_unknown_key_id_is_refused_even_with_the_right_key(pairs: Pairs, token: str, kid: Any) -> None:
    header, claims, _ = parts_of(token)
    key = pairs.private_key(header["kid"])
    assert not pairs.takes(signed_by(key, {**header, "kid": kid}, claims))
    assert not pairs.takes(signed_by(key, {"alg": header["alg"], "typ": "JWT"}, claims))


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512", "RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA"])
def test_the_header_chooses_no_other_algorithm(pairs: Pairs, token: str, algorithm: str) -> None:
    header, claims, _ = parts_of(token)
    forged = signed_by(pairs.private_key(header["kid"]), {**header, "alg": algorithm}, claims)
    assert pairs.takes(forged) == (algorithm == pairs.algorithm)


def test_malformed_signatures_are_refused(pairs: Pairs, token: str) -> None:
    _, _, signature = parts_of(token)
    for forged in spoilt(signature):
        assert not pairs.takes(with_signature(token, forged)), forged.hex()


def spoilt(signature: bytes) -> Iterator[bytes]:
    half = len(signature) // 2
    yield from (b"", b"\x00", bytes(len(signature)), b"\xff" * len(signature))
    yield from (signature[:-1], signature[1:], signature + b"\x00", b"\x00" + signature, signature * 2)
    yield signature[half:] + signature[:half]
    yield from (signature[:half] + bytes(half), bytes(half) + signature[half:])
    for place in (0, half - 1, half, len(signature) - 1):
        yield signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]


@pytest.fixture
def es256(make_pairs: MakePairs) -> Pairs:
    """An application that signs with ES256."""
    return make_pairs("ES256")


@pytest.mark.parametrize(
    ("r", "s"),
    [(0, 0), (0, 1), (1, 0), (1, 1), (P256_ORDER, 1), (1, P256_ORDER), (P256_ORDER, P256_ORDER), (P256_ORDER - 1, 1)],
)
def test_es256_takes_no_degenerate_numbers(es256: Pairs, sinch: Simulator, r: int, s: int) -> None:
    token = es256.new_token(sinch)
    assert not es256.takes(with_signature(token, r.to_bytes(32, "big") + s.to_bytes(32, "big")))


def test_es256_takes_neither_der_nor_numbers_beyond_the_order(es256: Pairs, sinch: Simulator) -> None:
    token = es256.new_token(sinch)
    _, _, signature = parts_of(token)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    assert not es256.takes(with_signature(token, encode_dss_signature(r, s)))
    longer = (r + P256_ORDER).to_bytes(33, "big") + s.to_bytes(33, "big")
    assert not es256.takes(with_signature(token, longer))


def test_es256_takes_no_signature_of_another_curve_or_hash(es256: Pairs, sinch: Simulator) -> None:
    header, claims, _ = parts_of(es256.new_token(sinch))
    for curve in (ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()):
        assert not es256.takes(signed_by(ec.generate_private_key(curve), header, claims))


def test_eddsa_takes_no_second_spelling_of_a_signature(make_pairs: MakePairs, sinch: Simulator) -> None:
    pairs = make_pairs("EdDSA")
    token = pairs.new_token(sinch)
    _, _, signature = parts_of(token)
    s = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    assert not pairs.takes(with_signature(token, signature[:32] + s.to_bytes(32, "little")))
    assert isinstance(pairs.private_key(pairs.kid("current")), ed25519.Ed25519PrivateKey)


def test_rs256_takes_neither_other_padding_nor_other_hashes(make_pairs: MakePairs, sinch: Simulator) -> None:
    pairs = make_pairs("RS256")
    token = pairs.new_token(sinch)
    key = pairs.private_key(pairs.kid("current"))
    assert isinstance(key, rsa.RSAPrivateKey)
    message = token.rpartition(".")[0].encode()
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    for forged in (
        key.sign(message, pss, hashes.SHA256()),
        key.sign(message, padding.PKCS1v15(), hashes.SHA1()),
        key.sign(message, padding.PKCS1v15(), hashes.SHA512()),
    ):
        assert not pairs.takes(with_signature(token, forged))
