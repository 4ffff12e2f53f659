"""E-mail addresses and their one canonical form."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_service.accounts.email_addresses import MAXIMUM_LENGTH, canonical

LOCAL = st.text(min_size=1, max_size=64)
DOMAIN = st.text(alphabet="abcÄßİΣ-.1xn", min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("person@example.com", "person@example.com"),
        ("Person@EXAMPLE.Com", "person@example.com"),
        ("first.last+tag@example.com", "first.last+tag@example.com"),
        ("o'brien@example.co.uk", "o'brien@example.co.uk"),
        ("jürgen@example.com", "jürgen@example.com"),
        ("ju\u0308rgen@example.com", "jürgen@example.com"),
        ("JÜRGEN@example.com", "jürgen@example.com"),
        ("a@bücher.de", "a@bücher.de"),
        ("a@BÜCHER.de", "a@bücher.de"),
        ("a@xn--bcher-kva.de", "a@bücher.de"),
        ("a@test.example", "a@test.example"),
        (" a@test.example", "a@test.example"),
        ("a@test.example\n", "a@test.example"),
        ("\u202aa@test.example\u202c\u00a0", "a@test.example"),
    ],
)
def test_every_spelling_gives_one_address(text: str, address: str) -> None:
    assert canonical(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "person",
        "person@",
        "@example.com",
        "person@localhost",
        "person@example",
        "person@example.com.",
        "person@.example.com",
        "person@example..com",
        ".person@example.com",
        "per..son@example.com",
        "per son@example.com",
        '"per son"@example.com',
        "person@[127.0.0.1]",
        "person @example.com",
        "Person <person@example.com>",
        "a@example.com, b@example.com",
        "person\x00@example.com",
        "person\r\nBcc: x@example.com",
        "person@exam\u202eple.com",
        "p@" + "a" * 64 + ".com",
        "p@" + ".".join(["a" * 60] * 5) + ".com",
        "a" * 100_000,
        "@" * 1_000,
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert canonical(text) is None


def test_an_address_whose_letters_double_when_folded_fits_the_column() -> None:
    domain = ".".join(["a" * 60] * 3) + ".com"
    longest = [address for count in range(1, 65) if (address := canonical("İ" * count + "@" + domain))]
    assert max(map(len, longest)) <= MAXIMUM_LENGTH


@given(LOCAL, DOMAIN)
def test_no_text_raises_and_the_canonical_form_is_final(local: str, domain: str) -> None:
    address = canonical(f"{local}@{domain}.com")
    if address is not None:
        assert canonical(address) == address
        assert len(address) <= MAXIMUM_LENGTH
        assert unicodedata.is_normalized("NFC", address)
        assert address == address.lower()


@given(st.text(max_size=300))
def test_no_text_at_all_raises(text: str) -> None:
    canonical(text)


@given(
    st.from_regex(r"[A-Za-z0-9]{1,20}(\.[A-Za-z0-9]{1,10})?@[A-Za-z][A-Za-z0-9]{0,10}\.(com|org|de)", fullmatch=True)
)
def test_no_letter_case_makes_a_second_address(text: str) -> None:
    assert canonical(text.upper()) == canonical(text.lower()) == canonical(text.swapcase())
