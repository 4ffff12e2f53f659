"""Where users come from: a CSV or JSON-lines stream, or the database of the first version."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from otp_service.accounts.importing.csv_records import read_csv
from otp_service.accounts.importing.first_version import read_first_version
from otp_service.accounts.importing.json_records import read_json_lines
from otp_service.accounts.importing.lines import read_lines
from otp_service.accounts.importing.records import Fault, Record, SourceError

_ADDRESS = re.compile(r"(?P<kind>[A-Za-z][A-Za-z0-9+.-]*)://")
_POSTGRESQL = ("postgres", "postgresql", "postgresql+psycopg2")


@dataclass(frozen=True, slots=True)
class Source:
    """Users to be read once, and what they are read from: `csv`, `jsonl` or `database`."""

    kind: str
    items: Iterator[Record | Fault]


def is_database(name: str) -> bool:
    """Whether SOURCE is an address rather than a path."""
    return _ADDRESS.match(name) is not None


def from_database(address: str) -> Source:
    """The users of the first version's database. Raises SourceError for an address of another kind."""
    found = _ADDRESS.match(address)
    if found is None or found["kind"] not in _POSTGRESQL:
        raise SourceError("only postgresql:// addresses can be read; bring others as CSV or JSON lines")
    return Source("database", read_first_version(address))


def from_stream(stream: BinaryIO, *, kind: str | None) -> Source:
    """The users of a `csv` or `jsonl` stream; without `kind` JSON is told by its first character."""
    lines = read_lines(stream)
    first = next((line for line in lines if line.fault or line.text.strip()), None)
    if kind is None:
        kind = "jsonl" if first is not None and first.text.lstrip().startswith("{") else "csv"
    lines = itertools.chain([first] if first else [], lines)
    return Source(kind, read_json_lines(lines) if kind == "jsonl" else read_csv(lines))
