"""Backup codes: how they are made, how a typed one is read, and how it is hashed and compared (ADR 15).

`7F3K-Q2MZ-X0VB-9TCD`: letters and digits of Crockford's base32, which leaves out I, L, O and U. The first group selects
the code among the user's codes; the other three are the secret.
"""

import secrets
from dataclasses import dataclass

from otp_service.accounts import password_hashing
from otp_service.core.crypto import hashing
from otp_service.core.crypto.hash_slots import Place
from otp_service.core.services import settings

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP = 4
GROUPS = 4
SECRET_BITS = 5 * GROUP * (GROUPS - 1)
"""60: the part that an attacker must guess. The first group does not count, since it is stored in the clear."""

HASH_COST = 8
"""The cost of bcrypt. A code has 60 random bits, more than any password, and ten are hashed at once (ADR 15)."""

_LOOK_ALIKES = str.maketrans("OIL", "011", "- ")


@dataclass(frozen=True, slots=True)
class Code:
    """A code in its two parts."""

    selector: str
    secret: str

    def __str__(self) -> str:
        """As a person reads it."""
        letters = self.selector + self.secret
        return "-".join(letters[start : start + GROUP] for start in range(0, len(letters), GROUP))


def make(count: int) -> list[Code]:
    """Make random codes with different selectors."""
    made: dict[str, Code] = {}
    while len(made) < count:
        selector = _letters(GROUP)
        made[selector] = Code(selector, _letters(GROUP * (GROUPS - 1)))
    return list(made.values())


def read(text: str) -> Code | None:
    """Read a typed code, in any case, with or without hyphens and spaces, with O for 0 and I or L for 1.

    Return None for a text that cannot be a code.
    """
    letters = text.upper().translate(_LOOK_ALIKES)
    if len(letters) != GROUP * GROUPS or not set(letters) <= set(ALPHABET):
        return None
    return Code(letters[:GROUP], letters[GROUP:])


def hash_all(codes: list[Code]) -> list[str]:
    """Hash new codes: together less work than one password. Raises SlotsBusy."""
    cost = hash_cost()
    return password_hashing.bounded(lambda: [hashing.hash_password(code.secret, cost=cost) for code in codes])


def matches(code: Code | None, stored: str | None, *, place: Place) -> bool:
    """Return whether the code is the stored one. Raises SlotsBusy."""
    cost = hash_cost()
    secret = code.secret if code else ""
    # One hash in any case: the time must not distinguish an unknown selector or a malformed code from a wrong secret.
    found = password_hashing.bounded(lambda: hashing.verify_password(secret, stored, cost=cost), place=place)
    return found.matches and code is not None


def hash_cost() -> int:
    """Return the cost, which is never higher than that of passwords."""
    return min(HASH_COST, settings().passwords.salt_rounds)


def _letters(count: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(count))
