"""The values that pass from the reading of a source to the writing of users."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


class SourceError(Exception):
    """The source as a whole cannot be used, or not any more; the text is for the operator and names no secret."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its source a user stands: a line of a file, or the id in a table."""

    unit: str
    value: int | str

    def __str__(self) -> str:
        return f"{self.unit} {self.value}"


@dataclass(frozen=True, slots=True)
class Record:
    """One user as the source has it: column to value, unchecked; what is empty or null is left out."""

    place: Place
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one user cannot be imported. No reason quotes an address, a number or a hash."""

    place: Place
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user fit to be written. `email` is canonical, `phone_number` E.164, `created_at` None when nobody knows."""

    email: str
    password_hash: str
    phone_number: str | None = None
    is_verified: bool = False
    created_at: datetime | None = None
    display_name: str | None = None
    locale: str | None = None
    email_verified: bool = False
    is_locked: bool = False
