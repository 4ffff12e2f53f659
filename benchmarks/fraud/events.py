"""One event of synthetic traffic, and the file of events that `flask fraud replay` reads."""

import csv
import datetime
from collections.abc import Iterable
from typing import NamedTuple, TextIO

COLUMNS = ("at", "phoneNumber", "ip", "channel", "price", "verifiedAfter", "label")
LEGIT, ATTACK = "legit", "attack"


class Event(NamedTuple):
    """Someone asked for a code at `at` (seconds since 1970, UTC) and typed it in `verified_after` seconds later."""

    at: float
    number: str
    ip: str
    channel: str
    price: float
    verified_after: float | None
    label: str


def write(events: Iterable[Event], file: TextIO) -> None:
    """Write EVENTS.csv; an empty `verifiedAfter` means never."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for event in events:
        after = "" if event.verified_after is None else f"{event.verified_after:.1f}"
        writer.writerow(
            (iso(event.at), event.number, event.ip, event.channel, f"{event.price:.4f}", after, event.label)
        )


def iso(at: float) -> str:
    """`at` in ISO 8601 with milliseconds, UTC."""
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
