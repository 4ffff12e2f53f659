"""The rules for new passwords, and the faults that their owner reads."""

import gzip
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_service.accounts.password_policy import COMMON_PASSWORDS, PasswordPolicy, check_policy, is_common

STANDARD = PasswordPolicy()
LONG_ONLY = PasswordPolicy(minimum_length=15, requires_character_classes=False)
SHORT_ONLY = PasswordPolicy(minimum_length=8, requires_character_classes=False)
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates and NUL among them

TOO_COMMON = "Password is too common: it is among those that attackers try first."
IS_ADDRESS = "Password must not be your e-mail address or its first part."
IS_NUMBER = "Password must not be your phone number."
IS_SERVICE = "Password must not be the name of this service."

COMMON = [
    "Password1",
    "PASSWORD1",
    "pAssWord1",
    "Qwerty123",
    "Summer2024",
    "P@ssw0rd",
    "P@ssw0rd1!",
    "Welcome@123",
    "Passw0rd!",
    "Letmein1!",
    "Iloveyou2",
    "Trustno1!",
    "Admin@123",
    "1qaz2WSX",
    "Abcd1234",
    "Frühling2024",
]
PREDICTABLE = [
    "aaaaaaaaaaaaaaaa",
    "Abc1Abc1Abc1Abc1",
    "abababababababab",
    "12345678901234567890",
    "0987654321098765",
    "abcdefghijklmnop",
    "ZYXWVUTSRQPONMLKJ",
    "qwertyuiopasdfghjkl",
    "passwordpassword",
    "字字字字字字字字字字字字字字字",
]
SPELLINGS_OF_THE_NUMBER = [
    "+447400123456",
    "00447400123456",
    "011447400123456",
    "447400123456",
    "07400123456",
    "7400123456",
    "07400 123-456",
    "(07400) 123 456",
    "+44 (0)7400 123456",
    "０７４００１２３４５６",
    "٠٧٤٠٠١٢٣٤٥٦",
]


def faults(
    password: str,
    policy: PasswordPolicy = STANDARD,
    *,
    email: str = "alice.winter@example.org",
    phone_number: str = "+447400123456",
) -> list[str]:
    return check_policy(password, email=email, phone_number=phone_number, policy=policy)


@pytest.mark.parametrize("password", ["Tr4mlines", "Ünter8den", "ЖукиПоют7", "  Tr4m  ", "Tr4m\tline", "tR٣mlines"])
def test_eight_characters_with_both_cases_and_a_digit_satisfy_the_standard_policy(password: str) -> None:
    assert faults(password) == []


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("Tr4mway", ["Password must have at least 8 characters."]),
        ("tr4mlines", ["Password must contain an upper-case letter."]),
        ("TR4MLINES", ["Password must contain a lower-case letter."]),
        ("Tramlines", ["Password must contain a digit."]),
        (
            "电车轨道电车线路12",
            ["Password must contain an upper-case letter.", "Password must contain a lower-case letter."],
        ),
    ],
)
def test_each_fault_of_form_is_named(password: str, expected: list[str]) -> None:
    assert faults(password) == expected


def test_all_faults_are_told_at_once() -> None:
    assert len(faults("")) == 4
    assert faults("qwerty") == [
        "Password must have at least 8 characters.",
        "Password must contain an upper-case letter.",
        "Password must contain a digit.",
        TOO_COMMON,
    ]


def test_without_classes_length_alone_decides() -> None:
    assert faults("correct horse!!", LONG_ONLY) == []
    assert faults("correct horse!", LONG_ONLY) == ["Password must have at least 15 characters."]
    assert faults("tramline", SHORT_ONLY) == []
    assert faults("🚋🚃🚋🚊🚝🚞🚟🚠", SHORT_ONLY) == []


@pytest.mark.parametrize("length", [128, 256])
def test_long_passwords_of_any_script_are_accepted(length: int) -> None:
    assert faults("Ж7" + "字宇" * (length // 2 - 1) + "я", PasswordPolicy(maximum_length=length + 1)) == []
    assert faults("Aa1" + "🚋-" * ((length - 3) // 2)) == []


def test_length_is_counted_in_code_points_after_composition() -> None:
    decomposed = "o\u0308" * 256

    assert faults(f"A1{decomposed}"[:-4]) == []
    assert faults("O\u0308o\u0308o\u0308o\u0308o\u0308o\u03081") == ["Password must have at least 8 characters."]


@pytest.mark.parametrize("password", ["Aa1" * 86, "Aa1" * 400, "Aa1" * 350_000, "a" + "\u0316\u0301" * 500_000])
def test_a_password_above_the_cap_is_refused_without_being_looked_at(password: str) -> None:
    started = time.thread_time()

    assert faults(password) == ["Password must have at most 256 characters."]
    assert time.thread_time() - started < 0.1  # composing the last of them would take minutes


@pytest.mark.parametrize("password", COMMON)
def test_common_passwords_are_refused_in_any_letter_case(password: str) -> None:
    assert TOO_COMMON in faults(password)


@pytest.mark.parametrize("password", PREDICTABLE)
def test_sequences_and_repetitions_are_refused_at_any_length(password: str) -> None:
    assert faults(password, LONG_ONLY) == [TOO_COMMON]


@pytest.mark.parametrize(
    "password", ["my Password1 is long", "Password1-Tramlines", "Summer2024-in-Zürich", "xPassword1x"]
)
def test_a_common_word_inside_a_longer_password_is_no_fault(password: str) -> None:
    assert faults(password) == []


@pytest.mark.parametrize(
    "password",
    ["alice.winter@example.org", "ALICE.WINTER@EXAMPLE.ORG", "alice.winter", "Alice Winter", "aliceWinter!!"],
)
def test_the_owners_address_is_refused_whole_and_in_its_first_part(password: str) -> None:
    assert IS_ADDRESS in faults(password, SHORT_ONLY)


@pytest.mark.parametrize("password", ["alice.winter1987", "example.org", "winter and alice", "malice.winter"])
def test_a_password_that_merely_contains_the_address_is_accepted(password: str) -> None:
    assert IS_ADDRESS not in faults(password, SHORT_ONLY)


@pytest.mark.parametrize("password", SPELLINGS_OF_THE_NUMBER)
def test_the_owners_number_is_refused_in_any_spelling(password: str) -> None:
    assert faults(password, SHORT_ONLY) == [IS_NUMBER]


@pytest.mark.parametrize("password", ["(201) 555-0123", "1-201-555-0123", "2015550123", "+12015550123"])
def test_a_north_american_number_is_known_without_its_country_code(password: str) -> None:
    assert faults(password, SHORT_ONLY, phone_number="+12015550123") == [IS_NUMBER]


@pytest.mark.parametrize("password", ["74001234567", "9999999447400123456", "Call07400123456", "!?!?-!!?+-"])
def test_other_digits_and_texts_are_not_taken_for_the_number(password: str) -> None:
    assert faults(password, SHORT_ONLY) == []


@pytest.mark.parametrize("password", ["otp_service", "otpservice", "OTP-Service", "Otp Service!"])
def test_the_services_name_is_refused(password: str) -> None:
    assert faults(password, SHORT_ONLY) == [IS_SERVICE]


def test_missing_details_of_the_owner_refuse_nothing() -> None:
    assert faults("!!--!!-?", SHORT_ONLY, email="", phone_number="") == []
    assert faults("!!--!!-?", SHORT_ONLY, email="@", phone_number="+") == []


@given(password=ANY_TEXT, email=ANY_TEXT, phone_number=ANY_TEXT)
def test_no_text_makes_the_check_fail(password: str, email: str, phone_number: str) -> None:
    for policy in (STANDARD, LONG_ONLY):
        assert all(isinstance(fault, str) for fault in faults(password, policy, email=email, phone_number=phone_number))


def test_no_message_repeats_the_password() -> None:
    assert not any("qwerty" in fault for fault in faults("qwerty"))


def test_the_list_holds_more_than_ten_thousand_entries_in_the_form_in_which_they_are_compared() -> None:
    usable = {entry for entry in COMMON_PASSWORDS if len(entry) >= STANDARD.minimum_length}

    assert len(usable) == len(COMMON_PASSWORDS) > 10_000
    assert all(is_common(entry.upper()) or entry.upper().casefold() != entry for entry in COMMON_PASSWORDS)
    assert all(entry == entry.casefold() for entry in COMMON_PASSWORDS)


def test_more_than_ten_thousand_entries_would_pass_the_standard_policys_classes() -> None:
    with_both = [e for e in COMMON_PASSWORDS if any(map(str.isdecimal, e)) and any(map(str.isalpha, e))]

    assert len(with_both) > 10_000


def test_the_list_is_small_and_quickly_read() -> None:
    packed = Path(sys.modules[is_common.__module__].__file__ or "").with_name("blocklist") / "common_passwords.txt.gz"
    started = time.thread_time()

    entries = frozenset(gzip.decompress(packed.read_bytes()).decode().splitlines())
    assert time.thread_time() - started < 0.25  # about 0.01
    assert entries == COMMON_PASSWORDS
    assert packed.stat().st_size < 500_000


def test_the_list_is_read_when_the_module_is_imported_and_not_at_the_first_check() -> None:
    program = (
        "import sys; from otp_service.accounts import password_policy;"
        "sys.addaudithook(lambda event, _: sys.exit(1) if event == 'open' else None);"
        "sys.exit(0 if password_policy.is_common('Password1') else 2)"
    )
    root = Path(__file__).resolve().parents[2]

    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0
