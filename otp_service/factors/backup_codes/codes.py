"""How a backup code looks, and how it is read again however somebody typed it.

`7F3K-Q2MZ-X0VB-9TCD`: letters and digits of Crockford's base32, which leaves out I, L, O and U. The first group finds
the code among the user's; the other three are the secret.
"""

import secrets
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP = 4
GROUPS = 4
SECRET_BITS = 5 * GROUP * (GROUPS - 1)
"""60: what is guessed. The first group is not counted, since it is stored as it is."""

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


def draw(count: int) -> list[Code]:
    """Random codes with different selectors."""
    found: dict[str, Code] = {}
    while len(found) < count:
        selector = _letters(GROUP)
        found[selector] = Code(selector, _letters(GROUP * (GROUPS - 1)))
    return list(found.values())


def read(text: str) -> Code | None:
    """The code that somebody typed: letter case, hyphens, spaces and look-alikes (O for 0, I and L for 1) are one.

    None for what cannot be a code.
    """
    letters = text.upper().translate(_LOOK_ALIKES)
    if len(letters) != GROUP * GROUPS or not set(letters) <= set(ALPHABET):
        return None
    return Code(letters[:GROUP], letters[GROUP:])


def _letters(count: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(count))
