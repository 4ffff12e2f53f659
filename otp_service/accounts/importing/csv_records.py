"""Users from CSV (RFC 4180): a first line that names the columns, one record a user."""

import csv
from collections import deque
from collections.abc import Iterator

from otp_service.accounts.importing import columns
from otp_service.accounts.importing.lines import LONGEST_BYTES, Line
from otp_service.accounts.importing.records import Fault, Place, Record, SourceError

_QUOTING = (
    "its quotes are broken (a value with a comma, a quote or a line break stands in quotes, quotes in it doubled)"
)
_TRUE = {"true", "t", "yes", "y", "1"}
_FALSE = {"false", "f", "no", "n", "0"}


def read_csv(lines: Iterator[Line]) -> Iterator[Record | Fault]:
    """The users, in order. Raises SourceError when the first line does not name the columns."""
    remaining = _Lines(lines)
    names = _header(remaining)
    while line := remaining.take():
        place = Place("line", line.number)
        if line.fault:
            yield Fault(place, (line.fault,))
        elif line.text.strip():
            yield _record(place, remaining.gather(line), remaining, names)


class _Lines:
    """Lines of which some can be given back: a quote that is never closed must not swallow those after it."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._returned: deque[Line] = deque()

    def take(self) -> Line | None:
        """The next line."""
        return self._returned.popleft() if self._returned else next(self._lines, None)

    def give_back(self, lines: list[Line]) -> None:
        """Have these read again, as records of their own."""
        self._returned.extendleft(reversed(lines))

    def gather(self, first: Line) -> list[Line]:
        """The line and those that belong to the same record, as long as a quote is open."""
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
    names, faults = columns.resolve(_cells([line]) or [""])
    if not faults:
        missing = [name for name in columns.REQUIRED if name not in names]
        faults = [f"the column {columns.SPELLED[columns.ALL.index(name)]} is missing" for name in missing]
    if faults:
        raise SourceError(f"line {line.number} must name the columns: {'; '.join(faults)}")
    return names


def _record(place: Place, gathered: list[Line], remaining: _Lines, names: list[str]) -> Record | Fault:
    cells = _cells(gathered)
    if cells is None or (len(gathered) > 1 and len(cells) != len(names)):
        remaining.give_back(gathered[1:])
        return Fault(place, (_QUOTING,))
    if len(cells) != len(names):
        return Fault(place, (f"has {len(cells)} values where the header names {len(names)} columns",))
    return Record(place, {name: _value(name, cell) for name, cell in zip(names, cells, strict=True) if cell})


def _cells(gathered: list[Line]) -> list[str] | None:
    """The values of one record; None when its quotes are broken."""
    texts = [line.text for line in gathered]
    # The parser looks past a lone carriage return only within quotes; the one that ends a line is part of the break.
    texts[-1] = texts[-1].removesuffix("\n").removesuffix("\r")
    try:
        records = list(csv.reader(texts, strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None


def _value(name: str, cell: str) -> str | bool:
    """Text, or truth in the spellings of spreadsheets and databases; other words stay for the check to name."""
    if name in columns.TRUTHS:
        word = cell.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else cell
    return cell
