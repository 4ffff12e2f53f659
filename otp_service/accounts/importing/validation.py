"""Validates users: each by itself, then against all others of the source and of this service."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import select

from otp_service.accounts import email_addresses
from otp_service.accounts.importing.columns import (
    BOOLEAN_COLUMNS,
    NAMING_COLUMNS,
    REQUIRED_COLUMNS,
    Fault,
    Place,
    Row,
)
from otp_service.accounts.models import User
from otp_service.accounts.new_users import NewUser
from otp_service.core import phone
from otp_service.core.crypto import hashing
from otp_service.core.database.transactions import fetch_all
from otp_service.core.text import LANGUAGE_TAG, LONGEST_LANGUAGE_TAG, camel_case
from otp_service.mail.wire_addresses import UNSENDABLE

BATCH = 1_000
LONGEST_DISPLAY_NAME = 100
_LONGEST_TEXT = 320  # of a number, a hash or a locale, before it is parsed
# PostgreSQL stores no NUL in a text, and UTF-8 has no form for half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_SKEW = timedelta(days=1)  # includes time zones that the source left out


class Validator:
    """Validates the users of one source.

    It remembers every address and number that it accepted and no more, so memory stays small. `default_region` is for
    numbers without a country code.
    """

    def __init__(self, *, default_region: str | None, now: datetime) -> None:
        self._parser = Parser(default_region=default_region, now=now)
        self._emails: dict[str, int | str] = {}
        self._numbers: dict[str, int | str] = {}

    def validate(self, items: Iterator[Row | Fault]) -> Iterator[list[NewUser | Fault]]:
        """Validate all users, in order and in batches. Of two users with the same address, the first is valid."""
        while batch := list(islice(items, BATCH)):
            parsed = [item if isinstance(item, Fault) else self._parser.parse(item) for item in batch]
            # Two queries for each batch, not two for each user.
            taken = _registered([item for item in parsed if isinstance(item, NewUser)])
            yield [
                self._require_unique(item.place, found, taken) if isinstance(found, NewUser) else found
                for item, found in zip(batch, parsed, strict=True)
            ]

    def _require_unique(self, place: Place, user: NewUser, taken: set[str]) -> NewUser | Fault:
        reasons = []
        for name, value, known in (
            ("email", user.email, self._emails),
            ("phoneNumber", user.phone_number, self._numbers),
        ):
            if value is None:
                continue
            if value in taken:
                reasons.append(f"{name} is already registered here")
            elif value in known:
                reasons.append(f"{name} is the same as that of {place.unit} {known[value]}")
        if reasons:
            return Fault(place, tuple(reasons))
        # Only accepted users reserve their address: a user that is rejected must not make a later one a duplicate.
        if user.email is not None:
            self._emails[user.email] = place.value
        if user.phone_number is not None:
            self._numbers[user.phone_number] = place.value
        return user


def _registered(users: Sequence[NewUser]) -> set[str]:
    """Return those of the addresses and numbers that existing users have."""
    found: set[str] = set()
    for key, values in (
        (User.email, [user.email for user in users if user.email]),
        (User.phone_number, [user.phone_number for user in users if user.phone_number]),
    ):
        found.update(row[0] for row in fetch_all(select(key).where(key.in_(values))))
    return found


class Invalid(Exception):
    """One value is invalid. The text completes a sentence that begins with the name of the column."""


class Parser:
    """Parses one user by itself into canonical form."""

    def __init__(self, *, default_region: str | None, now: datetime) -> None:
        self._parse: dict[str, Callable[[Any], Any]] = {
            "email": _email,
            "phone_number": partial(_phone_number, default_region=default_region),
            "password_hash": _password_hash,
            "created_at": partial(_created_at, now=now),
            "display_name": partial(_text, longest=LONGEST_DISPLAY_NAME),
            "locale": _locale,
            **dict.fromkeys(BOOLEAN_COLUMNS, _boolean),
        }

    def parse(self, row: Row) -> NewUser | Fault:
        """Return the user, or everything that is wrong with it."""
        values: dict[str, Any] = {}
        faults: list[str] = []
        # All faults at once: an operator should not have to fix a file one fault at a time.
        for name, value in row.values.items():
            try:
                values[name] = self._parse[name](value)
            except Invalid as invalid:
                faults.append(f"{camel_case(name)} {invalid}")
        needed = [name for name in REQUIRED_COLUMNS if name not in NAMING_COLUMNS]
        # An account without a number has an address, and the other way around; else no one could sign in to it.
        needed += [] if any(row.values.get(name, "") != "" for name in NAMING_COLUMNS) else ["email"]
        missing = [name for name in sorted(needed) if row.values.get(name, "") == ""]
        if values.get("is_verified") and not values.get("phone_number"):
            faults.append("isVerified needs a phoneNumber")
        if values.get("email_verified") and not values.get("email"):
            faults.append("emailVerified needs an email")
        faults = [f"{camel_case(name)} is missing" for name in missing] + faults
        return Fault(row.place, tuple(faults)) if faults else NewUser(**values)


def _text(value: Any, *, longest: int = _LONGEST_TEXT) -> str:
    """A text that every supported database can store."""
    if not isinstance(value, str):
        raise Invalid("must be a text")
    if len(value) > longest:
        raise Invalid(f"is longer than {longest} characters")
    if _UNSTORABLE.search(value):
        raise Invalid("contains a character that cannot be stored (NUL or half of a surrogate pair)")
    return value


def _email(value: Any) -> str | None:
    text = _text(value, longest=email_addresses.MAXIMUM_LENGTH)
    if not text:
        return None
    address = email_addresses.canonical(text)
    if address is None or len(address) > email_addresses.MAXIMUM_LENGTH:
        raise Invalid("is not an e-mail address")
    if not email_addresses.can_be_given(address):
        raise Invalid(f"is rejected: {UNSENDABLE} (see SMTP_UTF8)")
    return address


def _phone_number(value: Any, *, default_region: str | None) -> str | None:
    text = _text(value)
    number = phone.parse(text, default_region=default_region) if text else None
    if number is None and text:
        needs = f"in {default_region}" if default_region else "with a country code (or set PHONE_DEFAULT_REGION)"
        raise Invalid(f"is not a valid phone number {needs}")
    return number.e164 if number else None


def _password_hash(value: Any) -> str:
    """A hash that a sign-in can verify. Any other would lock its owner out."""
    text = _text(value)
    if not text:
        return text
    if fault := hashing.fault_of(text):
        raise Invalid(fault)
    return text


def _locale(value: Any) -> str | None:
    """A BCP 47 tag such as `en-US`. The provider gets it with each send and would reject any other text."""
    text = _text(value, longest=LONGEST_LANGUAGE_TAG).replace("_", "-")
    if text and not re.fullmatch(LANGUAGE_TAG, text):
        raise Invalid("is not a language tag such as en-US")
    return text or None


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Invalid("must be true or false")
    return value


def _created_at(value: Any, *, now: datetime) -> datetime:
    """A time in ISO 8601; without a time zone it is UTC."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Invalid("is not an ISO 8601 time such as 2024-05-17T09:30:00Z") from None
    if not _EARLIEST <= utc <= now + _CLOCK_SKEW:
        raise Invalid("is before 1970 or in the future")
    return utc
