"""The columns of a file of users: what they are called, which must be there, and in which order an export has them."""

from otp_service.core.web.schema import camel_case

REQUIRED = ("email", "phone_number", "password_hash")
MAY_BE_EMPTY = ("phone_number",)
"""Somebody whose number another proved has none."""

OPTIONAL = ("is_verified", "created_at", "display_name", "locale", "email_verified", "is_locked")
TRUTHS = ("is_verified", "email_verified", "is_locked")
ALL = REQUIRED + OPTIONAL
SPELLED = tuple(map(camel_case, ALL))

_SHOWN_CHARACTERS = 40
_BY_SPELLING = {**dict(zip(ALL, ALL, strict=True)), **dict(zip(SPELLED, ALL, strict=True))}


def resolve(spellings: list[str]) -> tuple[list[str], list[str]]:
    """The columns that are meant, in camelCase or snake_case, and what is wrong with their names."""
    names = [_BY_SPELLING.get(spelling.strip(), "") for spelling in spellings]
    faults = [_unknown(spelling) for spelling, name in zip(spellings, names, strict=True) if not name]
    faults += [f"{camel_case(name)} is there twice" for name in ALL if names.count(name) > 1]
    return names, faults


def _unknown(spelling: str) -> str:
    shown = ascii(spelling[:_SHOWN_CHARACTERS])  # without control characters: it goes to a terminal
    return f"unknown column {shown} (known are {', '.join(SPELLED)})"
