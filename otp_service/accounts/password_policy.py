"""The rules for new passwords: length, not too common, not about the owner, not known from a breach."""

import gzip
import hashlib
import logging
import re
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import requests
from urllib3.exceptions import HTTPError

from otp_service.core.crypto.hashing import LONGEST_PASSWORD, normalize
from otp_service.core.services import settings

_SERVICE_NAME = "otpservice"
_LONGEST_COUNTRY_CODE = 3
_LONGEST_PREFIX = 4  # 0, 00, 011, 0011
_LONGEST_REPEATED_PIECE = 4
_SEQUENCES = ("0123456789", "1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
_PREFIX_LENGTH = 5  # the start of the SHA-1, shared by a thousand breached passwords: no more leaves this machine
_LARGEST_ANSWER = 256 * 1024  # bytes; above the 64 KiB for other hosts, since padded ranges come near that
_log = logging.getLogger(__name__)


def _load() -> frozenset[str]:
    packed = files(__package__).joinpath("blocklist", "common_passwords.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode().splitlines())


COMMON_PASSWORDS: Final = _load()
"""Case-folded, NFC, 8 code points or more each. Read at import (10 ms), so that forked workers share it."""


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Lengths in code points after NFC. NIST SP 800-63B-4 asks for 15, or 8 with a second factor, and no classes."""

    minimum_length: int = 8
    maximum_length: int = 256
    requires_character_classes: bool = True


def faults_of(password: str, *, email: str, phone_number: str | None) -> list[str]:
    """Return the faults of a new password under the settings; see `check_policy`."""
    policy = PasswordPolicy(
        minimum_length=settings().passwords.minimum_length,
        requires_character_classes=settings().passwords.requires_classes,
    )
    return check_policy(password, email=email, phone_number=phone_number, policy=policy)


def check_policy(password: str, *, email: str, phone_number: str | None, policy: PasswordPolicy) -> list[str]:
    """Return the faults of a new password, as sentences for its owner; an empty list if it may be used.

    Call it before hashing: it bounds the length. `phone_number` is E.164 or None. The whole password is compared, in
    any letter case, with the common ones, and without punctuation with the owner's address and the service's name. A
    password that only contains one of them is accepted.
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
    # Without the longest possible country code: the rest is part of every way to write the number.
    tail = number[_LONGEST_COUNTRY_CODE:]
    if not tail or any(map(str.isalpha, password)):
        return False
    digits = "".join(str(unicodedata.decimal(character)) for character in password if character.isdecimal())
    return digits.endswith(tail) and len(digits) <= len(number) + _LONGEST_PREFIX


def is_common(password: str) -> bool:
    """Whether the whole password, in any letter case, is on the list, a sequence, or one short piece repeated.

    The list has the usual variations (Password1!, Summer2024, P@ssw0rd).
    """
    # Whole: a listed word inside a long passphrase does not weaken it, and rejecting it would cost good passphrases.
    folded = password.casefold()
    return folded in COMMON_PASSWORDS or _is_repetition(folded) or _is_sequence(folded)


def _is_repetition(folded: str) -> bool:
    pieces = (folded[:length] for length in range(1, _LONGEST_REPEATED_PIECE + 1) if len(folded) >= 2 * length)
    return any(folded == (piece * len(folded))[: len(folded)] for piece in pieces)


def _is_sequence(folded: str) -> bool:
    for sequence in _SEQUENCES:
        endless = sequence * (len(folded) // len(sequence) + 2)
        if folded and (folded in endless or folded in endless[::-1]):
            return True
    return False


def is_breached(password: str, *, base_url: str, timeout_seconds: float = 1.0) -> bool:
    """Ask `base_url`/range/<prefix> (the interface of api.pwnedpasswords.com) whether the password is known.

    Takes at most about three times `timeout_seconds`. Call it outside transactions, and only with a password that
    passed `check_policy`.
    """
    secret = normalize(password).encode("utf-8", "surrogatepass")
    digest = (
        hashlib.sha1(secret, usedforsecurity=False).hexdigest().upper()
    )  # the index of that service, not a protection
    try:
        answer = _fetch(f"{base_url.rstrip('/')}/range/{digest[:_PREFIX_LENGTH]}", timeout_seconds)
        return _is_listed(digest[_PREFIX_LENGTH:], answer.decode("ascii"))
    except (requests.RequestException, HTTPError, ValueError) as error:
        # Fail open: an outage of that service must not stop registrations, and the bundled list still applies.
        _log.warning("breach look-up failed, going on without it", extra={"reason": type(error).__name__})
        return False


def _fetch(url: str, timeout_seconds: float) -> bytes:
    deadline = time.monotonic() + 2 * timeout_seconds
    headers = {"Add-Padding": "true", "Accept-Encoding": "identity"}  # padding hides which range was requested
    with requests.get(url, headers=headers, timeout=timeout_seconds, allow_redirects=False, stream=True) as response:
        if response.status_code != requests.codes.ok:
            raise ValueError(f"status {response.status_code}")
        body = b""
        while piece := response.raw.read1(
            8192
        ):  # returns what has arrived, so that a dripping service meets the deadline
            body += piece
            if len(body) > _LARGEST_ANSWER or time.monotonic() > deadline:
                raise ValueError("answer too large or too slow")
        return body


def _is_listed(suffix: str, answer: str) -> bool:
    counts = dict(line.strip().split(":") for line in answer.splitlines())
    return int(counts.get(suffix, "0")) > 0  # padding has a count of 0
