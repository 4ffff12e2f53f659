"""Phone numbers: parses any spelling into one E.164 number, finds its kind, and masks it."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

_SPELLING = re.compile(r"(?:tel:)? *[(\[]? *[+0-9][0-9 ()\[\].\-/~]{4,40}", re.IGNORECASE)
LONGEST_TEXT = 128  # characters, with those that are not shown
_PUNCTUATION = str.maketrans("＋（）［］．／～⁓∼−ー", "+()[]./~~~--")
SHOWN_DIGITS = 4
_SEPARATORS = re.compile(r"^tel:|[ ()\[\].\-/~]", re.IGNORECASE)
E164 = r"\+[1-9][0-9]{6,14}"
E164_LENGTH = 16  # `+` and 15 digits (ITU-T E.164, section 6); some German numbers are valid and longer


class NumberKind(StrEnum):
    """The kind of a number decides over which channels it can be reached."""

    MOBILE = "mobile"
    FIXED = "fixed"
    REFUSED = "refused"  # premium rate, toll-free, shared cost, satellite and the like


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A valid number. `country` is ISO 3166-1 alpha-2, or `001` for numbers without a country.

    `refused_as` says in words of what kind a REFUSED number is.
    """

    e164: str
    country: str
    kind: NumberKind
    refused_as: str = ""


_KINDS = {
    PhoneNumberType.MOBILE: NumberKind.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberKind.MOBILE,  # all of North America, where they look alike
    PhoneNumberType.FIXED_LINE: NumberKind.FIXED,
}
_REFUSED_AS = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.VOIP: "an internet (VoIP) number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal number that is forwarded",
    PhoneNumberType.PAGER: "the number of a pager",
    PhoneNumberType.UAN: "a company's universal access number (UAN)",
    PhoneNumberType.VOICEMAIL: "the number of a voice mailbox",
}
_WITHOUT_COUNTRY = "a satellite number or an international service"


def parse(text: str, *, default_region: str | None = None) -> PhoneNumber | None:
    """Return the number that `text` spells, or None if it is not a valid number.

    Digits may be of any script. Without `default_region`, a country code is needed, after `+` or `00`.
    """
    return _parse(_plain(text), default_region)


@lru_cache(maxsize=4_096)
def _parse(text: str, default_region: str | None) -> PhoneNumber | None:
    if not _SPELLING.fullmatch(text):
        return None
    spelled = re.sub(r"^(tel:)? *", "", text, flags=re.IGNORECASE)
    if default_region is None and spelled.startswith("00"):
        spelled = f"+{spelled[2:]}"
    try:
        number = phonenumbers.parse(spelled, default_region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if len(e164) > E164_LENGTH:
        return None
    return PhoneNumber(
        e164=e164,
        country=phonenumbers.region_code_for_number(number) or "001",
        kind=_kind(number),
        refused_as=_refused_as(number),
    )


def _plain(text: str) -> str:
    """Return a spelling in ASCII: contacts add direction marks, and keyboards type digits and signs of their script.

    Empty for a text that is too long to be a number.
    """
    if len(text) > LONGEST_TEXT:
        return ""
    return "".join(map(_plain_letter, text.translate(_PUNCTUATION))).strip(" ")


def _plain_letter(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Cf":
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    if category == "Pd":
        return "-"
    return " " if letter.isspace() else letter


def parse_caller(text: str, *, default_region: str | None = None) -> str | None:
    """Return the E.164 form of the number that a phone shows for a call, or None if `text` spells none.

    The number of a call need not be valid: carriers call from ranges that are not assigned.
    """
    if any(letter.isdecimal() and not letter.isascii() for letter in text):
        return None  # as in every other code, a digit of another script is none
    plain = _plain(text)
    number = _parse(plain, default_region)
    if number is not None:
        return number.e164
    digits = _SEPARATORS.sub("", plain)
    digits = f"+{digits[2:]}" if digits.startswith("00") else digits
    return digits if re.fullmatch(E164, digits) else None


def is_country(code: str) -> bool:
    """Whether `code` is the ISO 3166-1 alpha-2 code of a country with a numbering plan."""
    return code in phonenumbers.SUPPORTED_REGIONS


def mask(e164: str) -> str:
    """Turn `+14155552671` into `+1******2671`: the country code and the last four digits stay."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return "*" * len(e164)
    code = str(number.country_code)
    rest = e164[1 + len(code) :]
    shown = min(SHOWN_DIGITS, len(rest) // 2)
    return f"+{code}{'*' * (len(rest) - shown)}{rest[len(rest) - shown :]}"


def _kind(number: phonenumbers.PhoneNumber) -> NumberKind:
    if phonenumbers.region_code_for_number(number) in {None, phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY}:
        return NumberKind.REFUSED  # +881 claims to be mobile, but is satellite
    return _KINDS.get(phonenumbers.number_type(number), NumberKind.REFUSED)


def _refused_as(number: phonenumbers.PhoneNumber) -> str:
    if _kind(number) is not NumberKind.REFUSED:
        return ""
    return _REFUSED_AS.get(phonenumbers.number_type(number), _WITHOUT_COUNTRY)
