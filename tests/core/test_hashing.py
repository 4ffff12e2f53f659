"""Password hashes are those that passlib and bcrypt write, and cost the same time for everybody."""

import re
import statistics
import time

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otp_service.core.crypto.hashing import LONGEST_PASSWORD, Verification, hash_password, normalize, verify_password

ANY_TEXT = st.text(st.characters(codec=None), max_size=100)  # lone surrogates and NUL among them
LONG = "abc123" * 12  # 72 bytes

# From passlib 1.7.4's own tests.
PASSLIB_HASHES = [
    ("", "$bcrypt-sha256$v=2,t=2b,r=5$E/e/2AOhqM5W/KJTFQzLce$WFPIZKtDDTriqWwlmRFfHiOTeheAZWe"),
    ("password", "$bcrypt-sha256$v=2,t=2b,r=5$5Hg1DKFqPE8C2aflZ5vVoe$wOK1VFFtS8IGTrGa7.h5fs0u84qyPbS"),
    ("táБℓə", "$bcrypt-sha256$v=2,t=2b,r=5$.US1fQ4TQS.ZTz/uJ5Kyn.$pzzgp40k8reM1CuQb03PvE0IDPQSdV6"),
    (LONG, "$bcrypt-sha256$v=2,t=2b,r=5$X1g1nh3g0v4h6970O68cxe$zu1cloESVFIOsUIo7fCEgkdHaI9SSue"),
    (LONG + "qwr", "$bcrypt-sha256$v=2,t=2b,r=5$X1g1nh3g0v4h6970O68cxe$CBF9csfEdW68xv3DwE6xSULXMtqEFP."),
    (LONG + "xyz", "$bcrypt-sha256$v=2,t=2b,r=5$X1g1nh3g0v4h6970O68cxe$zC/1UDUG2ofEXB6Onr2vvyFzfhEOS3S"),
]

# From the tests of John the Ripper, crypt_blowfish and passlib.
PLAIN_HASHES = [
    ("U*U*U*U*", "$2a$05$c92SVSfjeiCD6F2nAD6y0uBpJDjdRkt0EgeC4/31Rf2LUZbDRDE.O"),
    ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    (
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
    ("ё", "$2y$05$6bNw2HLQYeqHYyBfLMsv/OUcZd0LKP39b87nBw3.S2tVZSqiQX6eu"),
    ("U*U*U*U*", "$2b$05$c92SVSfjeiCD6F2nAD6y0uBpJDjdRkt0EgeC4/31Rf2LUZbDRDE.O"),
]

PREHASHED = PASSLIB_HASHES[1][1]
PLAIN = PLAIN_HASHES[0][1]
MALFORMED_HASHES = [
    "",
    "!",
    "password",
    "$2b$",
    "\0" * 60,
    PREHASHED + "\n",
    PREHASHED[:-1],
    PREHASHED + ".",
    PREHASHED.replace("5Hg1DKF", "5Hg1DK!"),
    PREHASHED.replace("5vVoe$", "5vVof$"),  # a salt of more than 128 bits
    PREHASHED.replace("v=2", "v=1"),
    PREHASHED.replace("v=2", "v=3"),
    PREHASHED.replace("t=2b", "t=2a"),
    PREHASHED.replace("r=5", "r=05"),
    PREHASHED.replace("r=5", "r=3"),
    PREHASHED.replace("r=5", "r=16"),  # half a minute or more of hashing
    PREHASHED.replace("r=5", "r=31"),
    PREHASHED.replace("r=5", "r=٥"),
    PLAIN + "\n",
    PLAIN[:-1],
    PLAIN.replace("$2a$", "$2x$"),
    PLAIN.replace("$2a$", "$2$"),
    PLAIN.replace("$05$", "$5$"),
    PLAIN.replace("$05$", "$03$"),
    PLAIN.replace("$05$", "$31$"),
    PLAIN[:28] + "v" + PLAIN[29:],
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b7dWA",
    "ü" * 60,
    "\ud800",
]


@pytest.mark.parametrize(("password", "stored"), PASSLIB_HASHES + PLAIN_HASHES)
def test_a_published_hash_matches_its_password(password: str, stored: str) -> None:
    assert verify_password(password, stored, cost=5).matches


@pytest.mark.parametrize(("password", "stored"), PASSLIB_HASHES + PLAIN_HASHES)
def test_a_published_hash_matches_no_other_password(password: str, stored: str) -> None:
    assert not verify_password(f"x{password}", stored, cost=5).matches


@pytest.mark.parametrize("stored", MALFORMED_HASHES)
def test_a_malformed_hash_matches_nothing_and_raises_nothing(stored: str) -> None:
    for password in ("password", "U*U*U*U*", ""):
        assert verify_password(password, stored, cost=4) == Verification(matches=False, needs_upgrade=False)


@given(stored=ANY_TEXT, password=ANY_TEXT)
@settings(deadline=None)
def test_whatever_is_stored_nothing_raises(stored: str, password: str) -> None:
    assert not verify_password(password, stored, cost=4).matches


@given(password=ANY_TEXT, other=ANY_TEXT)
@settings(deadline=None)
def test_a_hash_matches_its_own_password_alone(password: str, other: str) -> None:
    stored = hash_password(password, cost=4)

    assert verify_password(password, stored, cost=4) == Verification(matches=True, needs_upgrade=False)
    assert verify_password(other, stored, cost=4).matches is (normalize(other) == normalize(password))


def test_a_hash_has_passlibs_form_and_a_salt_of_its_own() -> None:
    first, second = hash_password("correct horse", cost=4), hash_password("correct horse", cost=4)

    assert re.fullmatch(r"\$bcrypt-sha256\$v=2,t=2b,r=4\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{31}", first)
    assert first != second
    assert "r=10$" in hash_password("correct horse", cost=10)


def test_an_unknown_user_matches_nothing() -> None:
    assert verify_password("", None, cost=4) == Verification(matches=False, needs_upgrade=False)


def test_both_spellings_of_an_umlaut_are_one_password() -> None:
    composed, decomposed = "Zürich-1848", "Zu\u0308rich-1848"

    assert verify_password(decomposed, hash_password(composed, cost=4), cost=4).matches
    assert verify_password(composed, hash_password(decomposed, cost=4), cost=4).matches


@pytest.mark.parametrize(
    "other", [" Passphrase", "Passphrase ", "passphrase", "Passphrase\n", "Passphrase\0", "Ｐassphrase"]
)
def test_nothing_but_unicode_composition_is_forgiven(other: str) -> None:
    assert not verify_password(other, hash_password("Passphrase", cost=4), cost=4).matches


@pytest.mark.parametrize("position", [0, 71, 72, 73, 200])
def test_every_byte_counts_after_nul_and_beyond_72_too(position: int) -> None:
    password = "\0" + "a" * 255
    other = password[:position] + "b" + password[position + 1 :]

    assert not verify_password(other, hash_password(password, cost=4), cost=4).matches


@pytest.mark.parametrize("password", ["a\0b", "\0", "é" * 100, "\ud800" * 30])
def test_an_imported_hash_meets_odd_passwords_without_an_error(password: str) -> None:
    assert not verify_password(password, PLAIN, cost=5).matches


@pytest.mark.parametrize(
    ("stored", "cost", "expected"),
    [(PREHASHED, 5, False), (PREHASHED, 6, True), (PREHASHED, 4, True), (PLAIN, 5, True), (PLAIN, 4, True)],
)
def test_plain_hashes_and_those_of_another_cost_are_to_be_made_anew(stored: str, cost: int, expected: bool) -> None:
    password = "password" if stored == PREHASHED else "U*U*U*U*"

    assert verify_password(password, stored, cost=cost) == Verification(matches=True, needs_upgrade=expected)
    assert not verify_password("wrong", stored, cost=cost).needs_upgrade


def test_a_password_beyond_all_measure_is_never_hashed() -> None:
    with pytest.raises(ValueError, match="too long"):
        hash_password("a" * (LONGEST_PASSWORD + 1), cost=4)
    assert not verify_password("a" * 1_000_000, PREHASHED, cost=4).matches


@pytest.mark.parametrize("cost", [3, 16])
def test_a_cost_outside_bcrypts_useful_range_is_refused(cost: int) -> None:
    with pytest.raises(ValueError, match="cost"):
        hash_password("password", cost=cost)
    with pytest.raises(ValueError, match="cost"):
        verify_password("password", None, cost=cost)


@pytest.mark.timing
def test_nobody_can_tell_imported_cheap_malformed_and_unknown_users_apart_by_time() -> None:
    cost = 9
    stored = [None, hash_password("right", cost=cost), hash_password("right", cost=4), PLAIN, PREHASHED, "!"]
    seconds: list[list[float]] = [[] for _ in stored]

    for _ in range(7):  # interleaved, in processor time: other programs on the machine do not count
        for samples, each in zip(seconds, stored, strict=True):
            started = time.thread_time()
            verify_password("wrong", each, cost=cost)
            samples.append(time.thread_time() - started)

    medians = [statistics.median(samples) for samples in seconds]
    assert max(medians) < 1.4 * min(medians)  # without the padding it would be 16 times or more


TYPED = {"NFC": "Gr\u00fc\u00dfe-Z\u00fcrich-7", "NFD": "Gru\u0308\u00dfe-Zu\u0308rich-7"}


@pytest.mark.parametrize("hashed", TYPED)
@pytest.mark.parametrize("prefix", ["2a", "2b", "2y"])
def test_a_hash_from_another_system_matches_what_was_typed_there(prefix: str, hashed: str) -> None:
    made = bcrypt.hashpw(TYPED[hashed].encode(), bcrypt.gensalt(4)).decode().replace("$2b$", f"${prefix}$")

    results = {form: verify_password(typed, made, cost=4) for form, typed in TYPED.items()}

    assert results[hashed] == Verification(matches=True, needs_upgrade=True)
    assert results["NFD"].matches


@pytest.mark.parametrize("typed", TYPED.values(), ids=TYPED)
def test_a_hash_of_ours_matches_every_spelling_and_needs_no_other(typed: str) -> None:
    for hashed in TYPED.values():
        found = verify_password(typed, hash_password(hashed, cost=4), cost=4)
        assert found == Verification(matches=True, needs_upgrade=False)


@pytest.mark.parametrize(
    "stored", [None, "none", hash_password("", cost=4)], ids=["absent", "unusable", "of a password"]
)
def test_a_password_too_long_to_be_one_matches_no_hash(stored: str | None) -> None:
    assert not verify_password("x" * (LONGEST_PASSWORD + 1), stored, cost=4).matches
