"""What a new password must be: long enough, not too common, not about its owner; nothing is hashed here."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from otp_service.accounts.blocklist import is_common
from otp_service.core.crypto.hashing import LONGEST_PASSWORD, normalize

_SERVICE_NAME = "otpservice"
_LONGEST_COUNTRY_CODE = 3
_LONGEST_PREFIX = 4  # 0, 00, 011, 0011


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Lengths in code points after NFC. NIST SP 800-63B-4 wants 15 or more, or 8 beside a second factor, no classes."""

    minimum_length: int = 8
    maximum_length: int = 256
    requires_character_classes: bool = True


def check_policy(password: str, *, email: str, phone_number: str | None, policy: PasswordPolicy) -> list[str]:
    """All that is wrong with a new password, as sentences for its owner; an empty list when it may be used.

    Look at this before hashing: it is what bounds the length. `phone_number` is in E.164, None when there is none.
    Passwords are compared whole and in any letter case with the list of common ones, and besides without punctuation
    with the owner's address and the service's name; a password that merely contains one of them is accepted.
    """
    too_long = f"Password must have at most {policy.maximum_length} characters."
    if len(password) > LONGEST_PASSWORD:
        return [too_long]
    normal = normalize(password)
    if len(normal) > policy.maximum_length:
        return [too_long]
    return [*_faults_of_form(normal, policy), *_faults_of_choice(normal, email, phone_number or "")]


def _faults_of_form(password: str, policy: PasswordPolicy) -> Iterator[str]:
    if len(password) < policy.minimum_length:
        yield f"Password must have at least {policy.minimum_length} characters."
    if not policy.requires_character_classes:
        return
    if not any(map(str.isupper, password)):
        yield "Password must contain an upper-case letter."
    if not any(map(str.islower, password)):
        yield "Password must contain a lower-case letter."
    if not any(map(str.isdecimal, password)):
        yield "Password must contain a digit."


def _faults_of_choice(password: str, email: str, phone_number: str) -> Iterator[str]:
    if is_common(password):
        yield "Password is too common: it is among those that attackers try first."
    bare = _bare(password)
    if bare and bare in {_bare(email), _bare(email.rpartition("@")[0])}:
        yield "Password must not be your e-mail address or its first part."
    if _is_number(password, phone_number):
        yield "Password must not be your phone number."
    if bare == _SERVICE_NAME:
        yield "Password must not be the name of this service."


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, normalize(text[:LONGEST_PASSWORD]).casefold()))


def _is_number(password: str, phone_number: str) -> bool:
    """Whether the password is this number, in digits of any script, with or without country code and prefixes."""
    number = re.sub(r"\D", "", phone_number)
    # Without the longest country code that it could have: what is left is part of every way to write the number.
    tail = number[_LONGEST_COUNTRY_CODE:]
    if not tail or any(map(str.isalpha, password)):
        return False
    digits = "".join(str(unicodedata.decimal(character)) for character in password if character.isdecimal())
    return digits.endswith(tail) and len(digits) <= len(number) + _LONGEST_PREFIX
