"""What an import reads out of CSV and JSON lines, and what it says of broken ones."""

import io
import json
from typing import Any

import pytest

from otp_service.accounts.importing import Fault, SourceError, from_stream
from otp_service.accounts.importing.files import LONGEST_BYTES
from tests.accounts.moving import HASH, HEADER

BROKEN = "has broken quotes (a value with a comma, a quote or a line break needs quotes, quotes in it doubled)"


def read(text: str | bytes, kind: str | None = "csv") -> list[tuple[int | str, Any]]:
    """Line and values, or line and reasons."""
    stream = io.BytesIO(text.encode() if isinstance(text, str) else text)
    return [
        (item.place.value, item.reasons if isinstance(item, Fault) else item.values)
        for item in from_stream(stream, kind=kind).items
    ]


def named(*lines: str) -> str:
    return "\n".join(["email,phoneNumber,passwordHash,displayName", *lines])


def test_columns_come_in_any_order_and_in_both_spellings() -> None:
    text = "password_hash, isVerified ,phone_number,email,display_name\nh,TRUE,n,e,\n"
    assert read(text) == [(2, {"password_hash": "h", "is_verified": True, "phone_number": "n", "email": "e"})]


@pytest.mark.parametrize("word", ["true", "True", "t", "yes", "Y", "1"])
def test_truth_has_many_spellings_in_csv(word: str) -> None:
    assert read(f"{HEADER},isVerified\na,b,c,{word}")[0][1]["is_verified"] is True


@pytest.mark.parametrize("word", ["false", "F", "no", "n", "0"])
def test_so_has_falsehood(word: str) -> None:
    assert read(f"{HEADER},isVerified\na,b,c,{word}")[0][1]["is_verified"] is False


def test_a_byte_order_mark_and_carriage_returns_are_no_part_of_a_value() -> None:
    text = "﻿email,phoneNumber,passwordHash\r\na,b,c\r\n\r\nd,e,f"
    assert [line for line, _ in read(text)] == [2, 4]
    assert read(text)[1][1] == {"email": "d", "phone_number": "e", "password_hash": "f"}


@pytest.mark.parametrize("kind", ["csv", None])
def test_blank_lines_are_passed_over_and_counted(kind: str | None) -> None:
    assert [line for line, _ in read(f"\n \n{HEADER}\n\na,b,c\n\n", kind)] == [5]


def test_quoted_values_hold_commas_quotes_and_line_breaks() -> None:
    text = named('a,b,c,"Smith, ""Ann""\r\nor\nAnna\r"', "d,e,f,g")
    assert read(text)[0] == (
        2,
        {"email": "a", "phone_number": "b", "password_hash": "c", "display_name": 'Smith, "Ann"\r\nor\nAnna\r'},
    )
    assert read(text)[1][0] == 5


@pytest.mark.parametrize("line", ['a,b,c,"d', 'a,"b"x,c,d', 'a,b,c,5" d', '"a,b,c,d', 'a,b,c,"d\re'])
def test_broken_quotes_spoil_their_own_line_alone(line: str) -> None:
    found = read(named("1,2,3,4", line, *(f'{number},b,c,"x, y"' for number in range(5_000))))
    assert found[1] == (3, (BROKEN,))
    assert [line for line, values in found if isinstance(values, dict)] == [2, *range(4, 5_004)]


def test_two_lines_with_an_open_quote_each_are_both_named() -> None:
    found = read(named('a,b,c,"d', "1,2,3,4", 'e,f,g,"h', "5,6,7,8"))
    assert [line for line, values in found if values == (BROKEN,)] == [2, 4]
    assert len(found) == 4


def test_a_line_with_too_many_or_too_few_values_is_named() -> None:
    assert read(f"{HEADER}\na,b\na,b,c,d\n") == [
        (2, ("has 2 values but the header names 3 columns",)),
        (3, ("has 4 values but the header names 3 columns",)),
    ]


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("", "the source is empty"),
        ("email,phoneNumber", "the column passwordHash is missing"),
        (
            f"{HEADER},password",
            "column 4 is unknown (did you mean passwordHash?)",
        ),
        (f"{HEADER},\x1b[2J\n", "column 4 is unknown (known columns: email, "),
        (f"{HEADER},phone_number", "phoneNumber appears twice"),
        ("email;phoneNumber;passwordHash", "column 1 is unknown"),
        ('email,"phoneNumber\n', "column 1 is unknown"),
        ("E-Mail,phonenumber,passwordHash", "column 2 is unknown (did you mean phoneNumber?)"),
    ],
)
def test_without_a_good_header_nothing_is_read(header: str, problem: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(header)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.com,+14155552671,$2b$12$Q4gdq3kP7uQ0mNqSx8Jb2e,Ada\n",
        "Ada@example.com\t+14155552671\n",
        '{"ada@example.com": "+14155552671", "$2b$12$Q4gdq3kP7uQ0mNqSx8Jb2e": 1}\n',
        "root:x:0:0:root:/root:/bin/bash\n",
    ],
)
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_no_message_shows_a_value_of_a_file_without_a_header(text: str, kind: str) -> None:
    try:
        told = str(read(text, kind))
    except SourceError as error:
        told = str(error)

    shown = [word for word in ("ada", "4155552671", "$2b$", "Q4gdq3", "root", "bash") if word in told.lower()]
    assert shown == []


def test_a_header_that_is_no_text_is_named() -> None:
    with pytest.raises(SourceError, match="line 1: is not UTF-8"):
        read(b"\xff\n")


def test_an_open_quote_before_a_line_that_is_no_text_spoils_both_alone() -> None:
    found = read(named('a,b,c,"d', "").encode() + b"\xff\n1,2,3,4\n")
    assert [reasons for _, reasons in found[:2]] == [(BROKEN,), ("is not UTF-8",)]
    assert found[2][0] == 4


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_lines_that_are_no_text_are_named(kind: str) -> None:
    start = f"{HEADER}\n".encode() if kind == "csv" else b""
    found = read(start + b"\xff\xfe,b,c\n" + b"x" * (3 * LONGEST_BYTES) + b"\n", kind)
    assert [reasons for _, reasons in found] == [("is not UTF-8",), (f"is longer than {LONGEST_BYTES} bytes",)]


def test_json_lines_know_both_spellings_and_no_value_is_null() -> None:
    line = json.dumps({"email": "a", "phone_number": "b", "passwordHash": HASH, "locale": None, "isVerified": False})
    assert read(f"\n{line}\n", None) == [
        (2, {"email": "a", "phone_number": "b", "password_hash": HASH, "is_verified": False})
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is not valid JSON"),
        ("{} {}", "is not valid JSON"),
        ("[" * 50_000, "is not valid JSON"),
        ('{"email": ' + "1" * 5_000 + "}", "is not valid JSON"),
        ('["email"]', "is not a JSON object"),
        ("null", "is not a JSON object"),
        ('{"email": "a", "email": "b"}', "email appears twice"),
        ('{"phoneNumber": "a", "phone_number": "b"}', "phoneNumber appears twice"),
        ('{"mail": "a"}', "column 1 is unknown (did you mean email?)"),
    ],
)
def test_broken_json_is_named(line: str, problem: str) -> None:
    ((number, reasons),) = read(line, "jsonl")
    assert number == 1
    assert reasons[0].startswith(problem)
