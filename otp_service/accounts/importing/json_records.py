"""Users from JSON lines: one object a line."""

import json
from collections.abc import Iterator
from typing import Any

from otp_service.accounts.importing import columns
from otp_service.accounts.importing.lines import Line
from otp_service.accounts.importing.records import Fault, Place, Record


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it stands, names that occur twice included."""


def read_json_lines(lines: Iterator[Line]) -> Iterator[Record | Fault]:
    """The users, in order; blank lines are passed over."""
    for line in lines:
        place = Place("line", line.number)
        if line.fault:
            yield Fault(place, (line.fault,))
        elif line.text.strip():
            yield _record(place, line.text)


def _record(place: Place, text: str) -> Record | Fault:
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return Fault(place, ("is broken JSON",))
    if not isinstance(pairs, _Pairs):
        return Fault(place, ("is no JSON object",))
    names, faults = columns.resolve([name for name, _ in pairs])
    if faults:
        return Fault(place, tuple(faults))
    values = [value for _, value in pairs]
    return Record(place, {name: value for name, value in zip(names, values, strict=True) if value is not None})
