"""Telephone numbers: which are numbers, of which kind, how they are masked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_service.core import phone
from otp_service.core.phone import NumberKind, parse

DIGITS = "0123456789０１２３４５６７８９٠١٢٣"
PUNCTUATION = "+＋()-. /\u2010\u2011\u2012\u2013 \tabcxXtel:;#*,\n\x00é"
SPELLED = st.text(alphabet=DIGITS + PUNCTUATION, max_size=50)
REGIONS = st.sampled_from([None, "US", "DE", "GB", "IT", "AR", "001", "ZZ"])


@pytest.mark.parametrize(
    ("number", "country", "kind"),
    [
        ("+12015550123", "US", NumberKind.MOBILE),
        ("+14155552671", "US", NumberKind.MOBILE),
        ("+14165550123", "CA", NumberKind.MOBILE),
        ("+447400123456", "GB", NumberKind.MOBILE),
        ("+61491570156", "AU", NumberKind.MOBILE),
        ("+33612345678", "FR", NumberKind.MOBILE),
        ("+5491123456789", "AR", NumberKind.MOBILE),
        ("+442079460000", "GB", NumberKind.FIXED),
        ("+390612345678", "IT", NumberKind.FIXED),
        ("+18005550199", "US", NumberKind.REFUSED),
        ("+19005550100", "US", NumberKind.REFUSED),
        ("+448700123456", "GB", NumberKind.REFUSED),
        ("+498001111111", "DE", NumberKind.REFUSED),
        ("+80012345678", "001", NumberKind.REFUSED),
        ("+870773111632", "001", NumberKind.REFUSED),
        ("+881612345678", "001", NumberKind.REFUSED),
    ],
)
def test_a_valid_number_has_a_country_and_a_kind(number: str, country: str, kind: NumberKind) -> None:
    parsed = parse(number)
    assert parsed is not None
    assert (parsed.e164, parsed.country, parsed.kind) == (number, country, kind)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "+1",
        "hello",
        "4155552671",
        "+447700900123",
        "+1415555267",
        "+141555526711",
        "+1415555267111111",
        "+0014155552671",
        "+14155552671 ext 5",
        "+14155552671;ext=5",
        "tel:",
        "++14155552671",
        "+1 415 555 2671\x00",
        "+1415555２671é",
        "+٠١٤١٥٥٥٥٢٦٧١",
        "+14155552671" * 10,
        "1" * 100_000,
    ],
)
def test_what_is_no_valid_number_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize("text", ["+4930123456789012", "+49727517001916379"])
def test_what_is_longer_than_e164_allows_is_no_number(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "+14155552671",
        "+1 415 555 2671",
        "+1 (415) 555-2671",
        "+1-415-555-2671",
        "+1.415.555.2671",
        "+1/415/555/2671",
        "+1‑415–555‒2671",
        "0014155552671",
        "00 1 415 555 2671",
        "tel:+1-415-555-2671",
        "TEL:+14155552671",
        "＋１４１５５５５２６７１",
        " +14155552671",
        "\u202a+1 415 555 2671\u202c",
        "\u2066\u200e+14155552671\u2069",
        "+١٤١٥٥٥٥٢٦٧١",
        "۰۰۱۴۱۵۵۵۵۲۶۷۱",
        "+१४१५५५५२६७१",
        "＋１（４１５）５５５－２６７１",
        "+1\t415\u00a0555\u202f2671\n",
        "+1 415 555 2671\u200b\ufeff",
        "+1−415ー555‐2671",
        "(+1) 415 555 2671",
        "+1 [415] 555 2671",
    ],
)
def test_every_spelling_gives_one_number(text: str) -> None:
    parsed = parse(text)
    assert parsed is not None
    assert parsed.e164 == "+14155552671"


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        ("415 555 2671", "US", "+14155552671"),
        ("07400 123456", "GB", "+447400123456"),
        ("030 12345678", "DE", "+493012345678"),
        ("+14155552671", "DE", "+14155552671"),
        ("0014155552671", "DE", "+14155552671"),
        ("06 1234 5678", "IT", "+390612345678"),
    ],
)
def test_with_a_default_region_national_numbers_are_taken(text: str, region: str, e164: str) -> None:
    parsed = parse(text, default_region=region)
    assert parsed is not None
    assert parsed.e164 == e164


@given(SPELLED, REGIONS)
def test_no_text_raises_and_what_is_found_is_e164(text: str, region: str | None) -> None:
    parsed = parse(text, default_region=region)
    if parsed is not None:
        assert parsed.e164[0] == "+"
        assert parsed.e164[1:].isascii()
        assert parsed.e164[1:].isdecimal()
        assert 8 <= len(parsed.e164) <= 16


@given(st.text(max_size=80))
def test_no_text_at_all_raises(text: str) -> None:
    parse(text)
    phone.mask(text)


@given(st.integers(1, 999), st.text(alphabet="0123456789", min_size=4, max_size=15))
def test_a_number_read_from_its_own_e164_is_itself(code: int, rest: str) -> None:
    parsed = parse(f"+{code}{rest}")
    if parsed is not None:
        assert parse(parsed.e164) == parsed
        assert parse(f"00{parsed.e164[1:]}") == parsed


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+14155552671", "+1******2671"),
        ("+12015550123", "+1******0123"),
        ("+447400123456", "+44******3456"),
        ("+33612345678", "+33*****5678"),
        ("+881612345678", "+881*****5678"),
        ("+39061234", "+39***234"),
        ("+29012345", "+290***45"),
        ("14155552671", "***********"),
        ("nonsense", "********"),
        ("", ""),
    ],
)
def test_a_masked_number_shows_its_country_code_and_last_digits(number: str, masked: str) -> None:
    assert phone.mask(number) == masked


@given(st.integers(1, 999), st.text(alphabet="0123456789", min_size=4, max_size=14))
def test_a_mask_keeps_the_length_and_hides_half_or_more_of_the_number(code: int, rest: str) -> None:
    parsed = parse(f"+{code}{rest}")
    if parsed is not None:
        masked = phone.mask(parsed.e164)
        assert len(masked) == len(parsed.e164)
        assert masked.count("*") >= sum(letter.isdigit() for letter in masked.lstrip("+")) - 3
        assert parsed.e164 not in masked


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+18156001234", "+18156001234"),
        ("+1 (815) 600-1234", "+18156001234"),
        ("+44 (0)20 7946 0000", "+442079460000"),
        ("+46 000-000 00", "+4600000000"),  # not valid, and such numbers ring
        ("0046 000 000 00", "+4600000000"),
        ("(815) 600-1234", None),
        ("+1815600１２３４", None),
        ("\u202a+46 000-000 00\u202c", "+4600000000"),
        ("+18156001234;ext=5", None),
        ("++18156001234", None),
        ("+1815600123a", None),
        ("tel:", None),
    ],
)
def test_the_number_of_a_caller_is_read_in_every_international_spelling(text: str, number: str | None) -> None:
    assert phone.parse_caller(text) == number
