"""The codes themselves: the vectors of the RFCs, the drift, the step that a code belongs to."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_service.factors.totp import codes

SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW = datetime(2026, 11, 23, 10, 5, 40, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=254)


def test_the_vectors_of_rfc_4226() -> None:
    assert " ".join(codes.code_at(SECRET, counter) for counter in range(10)) == (
        "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489"
    )


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    step = codes.step_at(datetime.fromtimestamp(seconds, UTC))
    assert codes.code_at(SECRET, step, digits=8) == code


@pytest.mark.parametrize(("steps", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_may_be_one_step_off_either_way(steps: int, is_taken: bool) -> None:
    step = codes.step_at(NOW) + steps
    matched = codes.matched_step(SECRET, codes.code_at(SECRET, step), now=NOW)
    assert matched == (step if is_taken else None)


def test_of_two_steps_with_one_code_the_later_one_counts() -> None:
    """This secret has such neighbours."""
    step = 910_737
    assert codes.code_at(SECRET, step) == codes.code_at(SECRET, step + 1)
    now = datetime.fromtimestamp(step * 30, UTC)
    assert codes.matched_step(SECRET, codes.code_at(SECRET, step), now=now) == step + 1


def test_the_first_moments_of_the_era_have_no_step_before_them() -> None:
    assert codes.matched_step(SECRET, "755224", now=datetime.fromtimestamp(0, UTC)) == 0


def test_a_secret_has_160_random_bits_in_base32() -> None:
    secrets = {codes.new_secret() for _ in range(200)}
    assert len(secrets) == 200
    assert {len(base64.b32decode(secret)) for secret in secrets} == {20}


@given(TEXTS, TEXTS)
def test_any_names_make_an_address_and_a_picture_that_say_the_same(issuer: str, label: str) -> None:
    uri = codes.key_uri(SECRET, issuer=issuer, account=label)
    parts = urlsplit(uri)
    service, _, account = parts.path.removeprefix("/").partition(":")
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert (unquote(service), unquote(account)) == (issuer[:60], label[:100])
    assert "/" not in service + account
    assert parse_qs(parts.query, keep_blank_values=True) == {
        "secret": [SECRET],
        "issuer": [issuer[:60]],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


@pytest.mark.parametrize("letter", ["a", "@", "\U0001f511"])
def test_the_longest_names_fit_into_a_picture(letter: str) -> None:
    picture = codes.qr_code(codes.key_uri(SECRET, issuer=letter * 300, account=letter * 300))
    assert picture.startswith("data:image/svg+xml")
    assert "script" not in picture


def test_a_step_lasts_thirty_seconds() -> None:
    start = datetime(2026, 11, 23, 10, 5, 30, tzinfo=UTC)
    assert codes.step_at(start) == codes.step_at(start + timedelta(seconds=29.999))
    assert codes.step_at(start) + 1 == codes.step_at(start + timedelta(seconds=30))
