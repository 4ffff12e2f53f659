"""What is drawn by chance: codes, calling numbers, identifiers."""

import random
import secrets
import string
import uuid
from datetime import datetime

ALPHABETS = {
    "numeric": string.digits,
    "alpha": string.ascii_uppercase,
    "alphanumeric": string.ascii_uppercase + string.digits,
}
FLASHCALL_PREFIX = "+18156"


class Draws:
    """Draws from the system's entropy, or predictably when a seed is given."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - asked for

    def code(self, code_type: str, length: int) -> str:
        """A code of `length` characters; `code_type` is one of Sinch's, in any case."""
        return "".join(self._random.choices(ALPHABETS[code_type.lower()], k=length))

    def calling_number(self) -> str:
        """The number that a flash call comes from."""
        return FLASHCALL_PREFIX + self.code("numeric", 6)

    def seamless_token(self) -> str:
        """The unguessable end of a seamless address."""
        return f"{self._random.getrandbits(128):032x}"

    def identifier(self, now: datetime) -> str:
        """A UUID whose first 48 bits are the Unix milliseconds of `now`, as recent ones of Sinch's are."""
        value = int(now.timestamp() * 1000) << 80 | self._random.getrandbits(80)
        value = value & ~(0xF << 76) | 7 << 76
        return str(uuid.UUID(int=value & ~(3 << 62) | 2 << 62))
