"""The form of backup codes, and how they are read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_service.factors.backup_codes import codes
from otp_service.factors.backup_codes.codes import Code

CODE = Code("7F3K", "Q2MZX0VB19CD")
FORM = re.compile(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}")


def test_codes_differ_and_have_different_selectors() -> None:
    drawn = [code for _ in range(50) for code in codes.make(10)]
    assert len(set(drawn)) == 500
    assert all(FORM.fullmatch(str(code)) for code in drawn)
    assert len({code.selector for code in codes.make(1_000)}) == 1_000


def test_the_secret_alone_has_60_bits() -> None:
    assert codes.SECRET_BITS == 60
    assert len(codes.ALPHABET) == len(set(codes.ALPHABET)) == 32
    letters = "".join(code.secret for code in codes.make(1_000))
    assert set(letters) == set(codes.ALPHABET)
    assert {len(code.secret) for code in codes.make(10)} == {12}


@pytest.mark.parametrize(
    "text",
    [
        "7F3K-Q2MZ-X0VB-19CD",
        "7f3k-q2mz-x0vb-19cd",
        "7F3KQ2MZX0VB19CD",
        " 7f3k q2mz  x0vb 19cd ",
        "7F3K-Q2MZ-XOVB-I9CD",
        "7f3k-q2mz-xovb-l9cd",
        "7-F-3-K-Q2MZX0VB19CD",
    ],
)
def test_case_hyphens_spaces_and_look_alikes_do_not_matter(text: str) -> None:
    assert codes.read(text) == CODE


@pytest.mark.parametrize(
    "text", ["", "-", "7F3K-Q2MZ-X0VB", "7F3K-Q2MZ-X0VB-19CDE", "7F3K-Q2MZ-X0VB-19CU", "7F3K_Q2MZ_X0VB_19CD", "ß" * 16]
)
def test_what_cannot_be_a_code_is_none(text: str) -> None:
    assert codes.read(text) is None


@given(st.sampled_from(codes.make(200)))
def test_every_code_is_read_as_it_was_made(code: Code) -> None:
    assert codes.read(str(code)) == code
