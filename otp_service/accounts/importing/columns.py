"""The columns of a file of users, and the values between the reading of a source and the writing of users."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from otp_service.core.text import camel_case

REQUIRED_COLUMNS = ("email", "phone_number", "password_hash")
NAMING_COLUMNS = ("email", "phone_number")
"""One of them may be empty: an account loses its number when another one verifies it, and its address when the owner of
the mailbox takes it back."""

OPTIONAL_COLUMNS = (
    "is_verified", "created_at", "display_name", "locale", "email_verified", "is_locked", "password_verified",
)  # fmt: skip
BOOLEAN_COLUMNS = ("is_verified", "email_verified", "is_locked", "password_verified")
COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS
HEADER = tuple(map(camel_case, COLUMNS))
"""The columns as an export spells them, in its order."""

_BY_SPELLING = {**dict(zip(COLUMNS, COLUMNS, strict=True)), **dict(zip(HEADER, COLUMNS, strict=True))}


class SourceError(Exception):
    """The source as a whole cannot be imported. The text is for the operator and holds no secret."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its source a user is: a line of a file, or the id in a table."""

    unit: str
    value: int | str

    def __str__(self) -> str:
        return f"{self.unit} {self.value}"


@dataclass(frozen=True, slots=True)
class Row:
    """One user as the source has it, not yet validated: column to value, without empty values."""

    place: Place
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one user cannot be imported. No reason quotes an address, a number or a hash."""

    place: Place
    reasons: tuple[str, ...]


def resolve_columns(spellings: list[str]) -> tuple[list[str], list[str]]:
    """Map names in camelCase or snake_case to columns. Returns the columns, and what is wrong with the names."""
    names = [_BY_SPELLING.get(spelling.strip(), "") for spelling in spellings]
    faults = [
        _unknown(number, spelling)
        for number, (spelling, name) in enumerate(zip(spellings, names, strict=True), start=1)
        if not name
    ]
    faults += [f"{camel_case(name)} appears twice" for name in COLUMNS if names.count(name) > 1]
    return names, faults


def _unknown(number: int, spelling: str) -> str:
    """Say which column is unknown, without its text: in a file without a header it is a number or a hash."""
    meant = get_close_matches(spelling.strip(), _BY_SPELLING, n=1, cutoff=0.7)
    hint = f"did you mean {camel_case(_BY_SPELLING[meant[0]])}?" if meant else f"known columns: {', '.join(HEADER)}"
    return f"column {number} is unknown ({hint})"
