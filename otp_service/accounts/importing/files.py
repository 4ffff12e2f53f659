"""Reads users from CSV (RFC 4180) and from JSON lines, in bounded memory whatever the file holds."""

import codecs
import csv
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from otp_service.accounts.importing.columns import (
    BOOLEAN_COLUMNS,
    COLUMNS,
    HEADER,
    REQUIRED_COLUMNS,
    Fault,
    Place,
    Row,
    SourceError,
    resolve_columns,
)

LONGEST_BYTES = 64 * 1024
"""Of a line, and of a record: a file without line breaks, or with an open quote, must not fill the memory."""

_BROKEN_QUOTES = "has broken quotes (a value with a comma, a quote or a line break needs quotes, quotes in it doubled)"
_TRUE = {"true", "t", "yes", "y", "1"}
_FALSE = {"false", "f", "no", "n", "0"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its line break. `fault` says why the line cannot be read; its text is then empty."""

    number: int
    text: str
    fault: str | None = None


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """Read the lines of a UTF-8 stream, with or without a byte order mark, numbered from 1."""
    number = 0
    while raw := stream.readline(LONGEST_BYTES):
        number += 1
        if number == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        if len(raw) == LONGEST_BYTES and not raw.endswith(b"\n"):
            _skip_rest(stream)
            yield Line(number, "", f"is longer than {LONGEST_BYTES} bytes")
            continue
        try:
            yield Line(number, raw.decode())
        except UnicodeDecodeError:
            yield Line(number, "", "is not UTF-8")


def _skip_rest(stream: BinaryIO) -> None:
    while (raw := stream.readline(LONGEST_BYTES)) and not raw.endswith(b"\n"):
        pass


def read_json_lines(lines: Iterator[Line]) -> Iterator[Row | Fault]:
    """Read one user per line, each a JSON object. Blank lines are ignored."""
    for line in lines:
        place = Place("line", line.number)
        if line.fault:
            yield Fault(place, (line.fault,))
        elif line.text.strip():
            yield _json_row(place, line.text)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as pairs. A dict would hide a name that occurs twice."""


def _json_row(place: Place, text: str) -> Row | Fault:
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):  # RecursionError: brackets nested thousands deep
        return Fault(place, ("is not valid JSON",))
    if not isinstance(pairs, _Pairs):
        return Fault(place, ("is not a JSON object",))
    names, faults = resolve_columns([name for name, _ in pairs])
    if faults:
        return Fault(place, tuple(faults))
    values = [value for _, value in pairs]
    return Row(place, {name: value for name, value in zip(names, values, strict=True) if value is not None})


def read_csv(lines: Iterator[Line]) -> Iterator[Row | Fault]:
    """Read one user per record. Raises SourceError if the first line does not name the columns."""
    remaining = _Lines(lines)
    names = _header(remaining)
    while line := remaining.take():
        place = Place("line", line.number)
        if line.fault:
            yield Fault(place, (line.fault,))
        elif line.text.strip():
            yield _csv_row(place, remaining.gather(line), remaining, names)


class _Lines:
    """Lines that can be given back: a quote that is never closed must not swallow the users after it."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._returned: deque[Line] = deque()

    def take(self) -> Line | None:
        """Return the next line, or None at the end."""
        return self._returned.popleft() if self._returned else next(self._lines, None)

    def give_back(self, lines: list[Line]) -> None:
        """Have these lines read again, as records of their own."""
        self._returned.extendleft(reversed(lines))

    def gather(self, first: Line) -> list[Line]:
        """Return the line, and the lines of the same record while a quote is open."""
        gathered, length, quotes = [first], len(first.text), first.text.count('"')
        while quotes % 2 and length < LONGEST_BYTES and (line := self.take()):
            if line.fault:
                self.give_back([line])
                break
            gathered.append(line)
            length, quotes = length + len(line.text), quotes + line.text.count('"')
        return gathered


def _header(remaining: _Lines) -> list[str]:
    line = remaining.take()
    if line is None:
        raise SourceError("the source is empty; the first line of a CSV file names its columns")
    if line.fault:
        raise SourceError(f"line {line.number}: {line.fault}")
    names, faults = resolve_columns(_cells([line]) or [""])
    if not faults:
        missing = [name for name in REQUIRED_COLUMNS if name not in names]
        faults = [f"the column {HEADER[COLUMNS.index(name)]} is missing" for name in missing]
    if faults:
        raise SourceError(f"line {line.number} must be a header that names the columns: {'; '.join(faults)}")
    return names


def _csv_row(place: Place, gathered: list[Line], remaining: _Lines, names: list[str]) -> Row | Fault:
    cells = _cells(gathered)
    # A stray quote joins the lines after it. They are given back and read on their own, so one fault costs one user.
    if cells is None or (len(gathered) > 1 and len(cells) != len(names)):
        remaining.give_back(gathered[1:])
        return Fault(place, (_BROKEN_QUOTES,))
    if len(cells) != len(names):
        return Fault(place, (f"has {len(cells)} values but the header names {len(names)} columns",))
    return Row(place, {name: _value(name, cell) for name, cell in zip(names, cells, strict=True) if cell})


def _cells(gathered: list[Line]) -> list[str] | None:
    """Return the values of one record, or None if its quotes are broken."""
    texts = [line.text for line in gathered]
    # The parser accepts a lone carriage return only within quotes. The one that ends the line is part of the break.
    texts[-1] = texts[-1].removesuffix("\n").removesuffix("\r")
    try:
        records = list(csv.reader(texts, strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None


def _value(name: str, cell: str) -> str | bool:
    """Read booleans as spreadsheets and databases spell them. Validation rejects every other word."""
    if name in BOOLEAN_COLUMNS:
        word = cell.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else cell
    return cell
