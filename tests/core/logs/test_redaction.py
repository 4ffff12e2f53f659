"""What a log may not tell is blotted out before a line is written."""

import time
from base64 import b64encode
from typing import Any

import pytest

from otp_service.core.logging import facts, redact
from tests.core.logs.test_form import record

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
TOKEN = "rt_" + "aB3-_" * 8


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+14155552671", "+1******2671"),
        ("to +14155552671.", "to +1******2671."),
        ("(+447400123456)", "(+44******3456)"),
        ("a+14155552671b", "a+1******2671b"),
        ("/number/%2B14155552671?x", "/number/+1******2671?x"),
        ("%2b14155552671", "+1******2671"),
        ("+1 (415) 555-2671", "+1******2671"),
        ("Key (phone_number)=(+14155552671) already exists", "Key (phone_number)=(+1******2671) already exists"),
        ("+14155552671,+14155552672", "+1******2671,+1******2672"),
        ("2026-11-23T09:15:29.598310+00:00", "2026-11-23T09:15:29.598310+00:00"),
        ("1 + 2, +12, +123", "1 + 2, +12, +123"),
        (f"Bearer {JWT}", "Bearer [secret]"),
        (f"token={TOKEN}&x=1", "token=[secret]&x=1"),
        (f'"ch_{"x" * 43}"', '"[secret]"'),
        (f"dt_{'x' * 43}", "[secret]"),
        (f"zz_{'x' * 43}", "[secret]"),
        (f"otpk_abcdefghijkl_{'x' * 43}", "[secret]"),
        ("whsec_bm90LWEt+cmVhbC/zZWNyZXQ=, cut", "[secret], cut"),
        (f"otpk_abcdefghijkl_{'x' * 20}, cut", "[secret], cut"),
        (f"Basic {b64encode(b'otpk_abcdefghijkl_' + b'x' * 43 + b':').decode()}", "Basic [secret]"),
        ("rt_short", "rt_short"),
        ("$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde", "[secret]"),
        ("hash $bcrypt-sha256$v=2,t=2b,r=12$abc$def, rest", "hash [secret] rest"),
        ("plain", "plain"),
        ("\ud800\x9b\u202e", "???"),
    ],
)
def test_numbers_are_masked_and_secrets_blotted_out(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "newPassword",
        "otp_code",
        "otpCode",
        "token",
        "refreshToken",
        "secret",
        "Authorization",
        "credential",
    ],
)
@pytest.mark.parametrize("value", ["Canary", 7, ["Canary"], None])
def test_a_field_named_for_a_secret_is_never_shown(name: str, value: Any) -> None:
    assert facts(record(**{name: value}))[name] == "[secret]"
    assert facts(record(body={name: value}))["body"] == {name: "[secret]"}


@pytest.mark.parametrize("value", [7, 1.5, True, None, "text"])
def test_plain_facts_stay_what_they_are(value: Any) -> None:
    assert facts(record(fact=value))["fact"] == value


def test_lists_and_objects_keep_their_form() -> None:
    told = facts(record(numbers=["+14155552671", 7], nested={"a": {"b": ("x",)}}))
    assert told["numbers"] == ["+1******2671", 7]
    assert told["nested"] == {"a": {"b": ["x"]}}


@pytest.mark.timing
@pytest.mark.parametrize("part", ["+1", "1", "eyJ", "$2b$", "+1 ", "rt_x", "%2B1", "a.", "+1 ("])
def test_a_long_text_is_redacted_in_no_time(part: str) -> None:
    started = time.process_time()
    redact("+" + part * 20_000)
    assert time.process_time() - started < 0.5
