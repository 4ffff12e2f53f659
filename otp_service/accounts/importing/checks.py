"""Checks one user by itself and brings it into form: canonical address, E.164 number, aware time."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from otp_service.accounts import addresses
from otp_service.accounts.importing import columns, hash_formats
from otp_service.accounts.importing.records import Fault, NewUser, Record
from otp_service.core import phone
from otp_service.core.web.schema import camel_case

LONGEST_DISPLAY_NAME = 100
_LONGEST_TEXT = 320  # of a number, a hash or a locale, before anything looks at it
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCKS_APART = timedelta(days=1)  # and zones that were left out


class _Unfit(Exception):
    """What is wrong with one value."""


class Checker:
    """Knows how each column is read. `default_region` is for numbers without a country code."""

    def __init__(self, *, default_region: str | None, now: datetime) -> None:
        self._readers: dict[str, Callable[[Any], Any]] = {
            "email": _email,
            "phone_number": partial(_phone_number, default_region=default_region),
            "password_hash": _password_hash,
            "created_at": partial(_created_at, now=now),
            "display_name": partial(_text, maximum=LONGEST_DISPLAY_NAME),
            "locale": _locale,
            **dict.fromkeys(columns.TRUTHS, _truth),
        }

    def check(self, record: Record) -> NewUser | Fault:
        """The user, or all that is wrong with it."""
        values: dict[str, Any] = {}
        faults: list[str] = []
        for name, value in record.values.items():
            try:
                values[name] = self._readers[name](value)
            except _Unfit as unfit:
                faults.append(f"{camel_case(name)} {unfit}")
        needed = [name for name in columns.REQUIRED if name not in columns.MAY_BE_EMPTY]
        missing = [name for name in needed if record.values.get(name, "") == ""]
        if values.get("is_verified") and not values.get("phone_number"):
            faults.append("isVerified needs a phoneNumber")
        faults = [f"{camel_case(name)} is missing" for name in missing] + faults
        return Fault(record.place, tuple(faults)) if faults else NewUser(**values)


def _text(value: Any, *, maximum: int = _LONGEST_TEXT) -> str:
    """A text that every database can hold."""
    if not isinstance(value, str):
        raise _Unfit("must be a text")
    if len(value) > maximum:
        raise _Unfit(f"is longer than {maximum} characters")
    if _NO_TEXT.search(value):
        raise _Unfit("holds a character that no text may hold (NUL, half a surrogate pair)")
    return value


def _email(value: Any) -> str:
    text = _text(value, maximum=addresses.MAXIMUM_LENGTH)
    address = addresses.canonical(text) if text else ""
    if address is None or len(address) > addresses.MAXIMUM_LENGTH:
        raise _Unfit("is no e-mail address")
    return address


def _phone_number(value: Any, *, default_region: str | None) -> str | None:
    text = _text(value)
    number = phone.parse(text, default_region=default_region) if text else None
    if number is None and text:
        wants = f"in {default_region}" if default_region else "with its country code (else set PHONE_DEFAULT_REGION)"
        raise _Unfit(f"is no valid phone number {wants}")
    return number.e164 if number else None


def _password_hash(value: Any) -> str:
    text = _text(value)
    fault = hash_formats.fault_of(text) if text else None
    if fault:
        raise _Unfit(fault)
    return text


def _locale(value: Any) -> str | None:
    """A BCP 47 tag such as `en-US`; the provider is asked with it, and another would fail every send."""
    text = _text(value)
    if text and not _LOCALE.fullmatch(text):
        raise _Unfit("is no language tag such as en-US")
    return text.replace("_", "-") or None


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Unfit("must be true or false")
    return value


def _created_at(value: Any, *, now: datetime) -> datetime:
    """ISO 8601; without a zone it is UTC."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise _Unfit("is no ISO 8601 time such as 2024-05-17T09:30:00Z") from None
    if not _EARLIEST <= utc <= now + _CLOCKS_APART:
        raise _Unfit("lies before 1970 or in the future")
    return utc
