"""Encryption at rest, keyed hashes and random tokens."""

import base64
import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_service.core.crypto.secrets import (
    TYPED_LETTERS,
    Keyring,
    Unreadable,
    new_token,
    new_typed_code,
    read_typed_code,
)

OLD, NEW, STRANGE = (bytes([number]) * 32 for number in (1, 2, 3))
CONTEXT = "verifications.provider_id:1"
RING = Keyring((NEW,))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(TEXTS, TEXTS)
def test_what_is_sealed_opens_as_it_was_for_its_place(value: str, context: str) -> None:
    assert RING.open(RING.seal(value, context=context), context=context) == value


def test_a_sealed_value_shows_nothing_of_the_text() -> None:
    sealed = RING.seal("018f2c5e-provider", context=CONTEXT)
    raw = base64.urlsafe_b64decode(sealed.partition(".")[2] + "==")
    assert b"provider" not in raw
    assert "provider" not in sealed
    assert re.fullmatch(r"[A-Za-z0-9_-]{8}\.[A-Za-z0-9_-]+", sealed)


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert len({RING.seal("same", context=CONTEXT) for _ in range(100)}) == 100


def test_a_value_moved_to_another_place_does_not_open() -> None:
    sealed = RING.seal("value", context="verifications.provider_id:1")
    with pytest.raises(Unreadable):
        RING.open(sealed, context="verifications.provider_id:2")


def test_no_changed_letter_goes_unnoticed() -> None:
    sealed = RING.seal("value", context=CONTEXT)
    for place, letter in enumerate(sealed):
        changed = sealed[:place] + ("A" if letter != "A" else "Z") + sealed[place + 1 :]
        with pytest.raises(Unreadable):
            RING.open(changed, context=CONTEXT)


@pytest.mark.parametrize("length", range(0, 60, 3))
def test_a_cut_value_does_not_open(length: int) -> None:
    sealed = RING.seal("a value of some length", context=CONTEXT)
    with pytest.raises(Unreadable):
        RING.open(sealed[:length], context=CONTEXT)


@pytest.mark.parametrize(
    "sealed", ["", ".", "x", "plain text", "a.b.c", "é.é", "AAAAAAAA.", "AAAAAAAA.A", ".AAAA", "\x00"]
)
def test_what_was_never_sealed_does_not_open(sealed: str) -> None:
    with pytest.raises(Unreadable):
        RING.open(sealed, context=CONTEXT)


@given(st.text(max_size=80))
def test_any_text_under_a_known_key_id_opens_or_is_unreadable(text: str) -> None:
    key_id = RING.seal("", context=CONTEXT).partition(".")[0]
    with pytest.raises(Unreadable):
        RING.open(f"{key_id}.{text}", context=CONTEXT)


def test_after_a_rotation_the_old_key_still_opens() -> None:
    sealed = Keyring((OLD,)).seal("value", context=CONTEXT)
    assert Keyring((NEW, OLD)).open(sealed, context=CONTEXT) == "value"


def test_after_a_rotation_the_first_key_seals() -> None:
    sealed = Keyring((NEW, OLD)).seal("value", context=CONTEXT)
    assert Keyring((NEW,)).open(sealed, context=CONTEXT) == "value"
    with pytest.raises(Unreadable):
        Keyring((OLD,)).open(sealed, context=CONTEXT)


def test_without_its_key_a_value_is_unreadable() -> None:
    sealed = Keyring((OLD,)).seal("value", context=CONTEXT)
    with pytest.raises(Unreadable):
        Keyring((NEW, STRANGE)).open(sealed, context=CONTEXT)


def test_an_error_tells_the_place_and_not_the_value() -> None:
    with pytest.raises(Unreadable) as caught:
        RING.open(Keyring((OLD,)).seal("value", context=CONTEXT), context=CONTEXT)
    assert str(caught.value) == CONTEXT


def test_a_keyed_hash_is_the_same_each_time_and_256_bits_long() -> None:
    digest = RING.digest("token", purpose="refresh token")
    assert digest == Keyring((NEW,)).digest("token", purpose="refresh token")
    assert len(base64.urlsafe_b64decode(digest + "=")) == 32


def test_a_keyed_hash_depends_on_value_purpose_and_key() -> None:
    digests = {
        RING.digest("token", purpose="refresh token"),
        RING.digest("token", purpose="challenge token"),
        RING.digest("other", purpose="refresh token"),
        Keyring((OLD,)).digest("token", purpose="refresh token"),
    }
    assert len(digests) == 4


def test_purpose_and_value_cannot_be_shifted_into_each_other() -> None:
    assert RING.digest("b", purpose="a") != RING.digest("", purpose="ab")


def test_a_look_up_compares_with_the_hashes_under_all_keys_the_newest_first() -> None:
    digests = Keyring((NEW, OLD)).digests("token", purpose="p")
    assert digests == (Keyring((NEW,)).digest("token", purpose="p"), Keyring((OLD,)).digest("token", purpose="p"))
    assert Keyring((NEW, OLD)).digest("token", purpose="p") == digests[0]


def test_the_hash_key_is_not_the_encryption_key() -> None:
    import hashlib
    import hmac

    bare = hmac.digest(NEW, b"p\x00token", hashlib.sha256)
    assert RING.digest("token", purpose="p") != base64.urlsafe_b64encode(bare).rstrip(b"=").decode()


def test_a_new_token_names_its_kind_and_has_256_bits() -> None:
    tokens = {new_token("rt") for _ in range(1000)}
    assert len(tokens) == 1000
    for token in tokens:
        assert token.startswith("rt_")
        assert len(base64.urlsafe_b64decode(token[3:] + "=")) == 32


def test_a_random_key_works_like_any_other() -> None:
    ring = Keyring((secrets.token_bytes(32),))
    assert ring.open(ring.seal("value", context=CONTEXT), context=CONTEXT) == "value"


def test_a_typed_code_has_eight_letters_that_no_one_confuses() -> None:
    codes = {new_typed_code() for _ in range(200)}

    assert len(codes) == 200
    assert all(re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{8}", code) for code in codes)
    assert not set(TYPED_LETTERS) & set("AEIOUY0123456789")


@pytest.mark.parametrize(
    "typed", ["WDJBMJHT", "wdjbmjht", "WDJB-MJHT", " wdjb mjht\n", "w d j b m j h t", "WDJB\u00a0MJHT"]
)
def test_a_typed_code_is_read_as_people_type_it(typed: str) -> None:
    assert read_typed_code(typed) == "WDJBMJHT"


@pytest.mark.parametrize(
    "typed", ["", "WDJBMJH", "WDJBMJHTT", "WDJBMJHA", "WDJBMJH1", "wdjb_mjht", "ЅDJBMJHT", "WDJBMJHß"]
)
def test_what_cannot_be_a_typed_code_is_not_read(typed: str) -> None:
    assert read_typed_code(typed) is None
