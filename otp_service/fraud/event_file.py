"""Reads past traffic from a CSV file for a replay: every row is checked, and faults are named by line."""

import csv
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from otp_service.core.phone import E164
from otp_service.fraud.attempt import Attempt

COLUMNS = ("at", "phoneNumber", "ip", "channel", "price", "verifiedAfter", "label")
SHOWN_FAULTS = 20
_ATTACK, _LEGIT = "attack", "legit"
_NUMBER = re.compile(E164)
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")
_CHANNEL = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}")
_SHOWN = 60


class EventFileError(Exception):
    """The file cannot be replayed; the text has a line for each fault."""


class _Fault(ValueError):
    """What is wrong with a row."""


@dataclass(frozen=True, slots=True)
class Event:
    """One row: an attempt, what came of it if it was sent, and whose it was, which no policy sees.

    `at_text` is the time as the file spells it. `verified_after` is in seconds; None: the code was never typed in.
    """

    attempt: Attempt
    at_text: str
    price: Decimal
    verified_after: float | None
    is_attack: bool


def read_events(path: Path) -> list[Event]:
    """Return the events of a file. Raises EventFileError, with the file and the line of each fault."""
    events: list[Event] = []
    faults: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, event in _rows(file):
                if isinstance(event, _Fault):
                    faults.append(f"{path}, line {line}: {event}")
                elif events and event.attempt.at < events[-1].attempt.at:
                    faults.append(f"{path}, line {line}: the time {event.at_text} is before that of the row above")
                else:
                    events.append(event)
                if len(faults) == SHOWN_FAULTS:
                    break
    except OSError as error:
        raise EventFileError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EventFileError(f"{path}, line {_line_that_is_not_utf8(path)}: the text is not UTF-8") from error
    if faults:
        raise EventFileError("\n".join(faults))
    return events


def _rows(file: TextIO) -> Iterator[tuple[int, Event | _Fault]]:
    """Yield the line at which each row begins, with its event or its fault."""
    line, reader = 1, csv.reader(file, strict=True)
    try:
        titles = next(reader, None)
        places, fault = _places(titles)
        if fault is not None:
            yield 1, fault
            return
        line = reader.line_num + 1
        for row in reader:
            yield line, _event_or_fault(row, places, len(titles or ()))
            line = reader.line_num + 1
    except csv.Error as error:
        yield line, _Fault(f"this is not CSV: {error}")


def _places(titles: list[str] | None) -> tuple[list[int], _Fault | None]:
    """Return where each column stands; columns of other names may stand between them."""
    if not titles:
        return [], _Fault(f"the row is empty; the first row must name the columns {','.join(COLUMNS)}")
    if missing := [name for name in COLUMNS if titles.count(name) != 1]:
        return [], _Fault(f"the first row must name these columns once: {', '.join(missing)}")
    return [titles.index(name) for name in COLUMNS], None


def _event_or_fault(row: list[str], places: list[int], width: int) -> Event | _Fault:
    if not any(row):
        return _Fault("the row is empty")
    if len(row) != width:
        return _Fault(f"the row has {len(row)} fields, the first row has {width}")
    try:
        return _event(*(row[place] for place in places))
    except _Fault as fault:
        return fault


def _event(at: str, number: str, ip: str, channel: str, price: str, verified_after: str, label: str) -> Event:  # noqa: PLR0913, PLR0917
    when = _time(at)
    _require(_NUMBER, number, "phoneNumber", "an E.164 number such as +14155552671")
    _require(_CHANNEL, channel, "channel", "the name of a channel such as sms")
    _require(_DECIMAL, price, "price", "a decimal number of EUR such as 0.05")
    if verified_after:
        _require(_DECIMAL, verified_after, "verifiedAfter", "a number of seconds, or empty")
    if label not in {_ATTACK, _LEGIT}:
        raise _fault(label, "label", f"{_LEGIT} or {_ATTACK}")
    return Event(
        attempt=Attempt(at=when, number=number, ip=_address(ip), channel=channel, price=float(price)),
        at_text=at,
        price=Decimal(price),
        verified_after=float(verified_after) if verified_after else None,
        is_attack=label == _ATTACK,
    )


def _time(text: str) -> float:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or "T" not in text or time.utcoffset() != timedelta(0):
        raise _fault(text, "at", "an ISO-8601 time in UTC such as 2026-01-31T12:00:00Z")
    return time.astimezone(UTC).timestamp()


@lru_cache(maxsize=65_536)
def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise _fault(text, "ip", "an IPv4 or IPv6 address") from None


def _require(pattern: re.Pattern[str], text: str, column: str, wanted: str) -> None:
    if not pattern.fullmatch(text):
        raise _fault(text, column, wanted)


def _fault(text: str, column: str, wanted: str) -> _Fault:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return _Fault(f"{column} is {shown!r}; expected {wanted}")


def _line_that_is_not_utf8(path: Path) -> int:
    """Return the line of the first bytes that are not UTF-8: the decoder knows their place in its buffer alone."""
    with path.open("rb") as file:
        for line, content in enumerate(file, start=1):
            try:
                content.decode()
            except UnicodeDecodeError:
                return line
    return 1
