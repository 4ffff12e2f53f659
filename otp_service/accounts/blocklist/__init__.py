"""The passwords that attackers try first: a bundled list, and rules for sequences and repetitions of any length."""

import gzip
from importlib.resources import files
from typing import Final

_LONGEST_REPEATED_PIECE = 4
_SEQUENCES = ("0123456789", "1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")


def _load() -> frozenset[str]:
    packed = files(__package__).joinpath("common_passwords.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode().splitlines())


COMMON_PASSWORDS: Final = _load()
"""Case-folded, in NFC, each of 8 code points or more. Read at import (10 ms), so that forked workers share it."""


def is_common(password: str) -> bool:
    """Whether the whole password, in whatever letter case, is on the list, a sequence or one short piece repeated.

    Whole, because a listed word inside a long passphrase does no harm and refusing it would. The usual variations
    (Password1!, Summer2024, P@ssw0rd) are entries of the list.
    """
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
