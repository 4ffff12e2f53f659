"""What can be wrong with an event, and how one row shows it. Verifying and pruning ask the same questions (ADR 48)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, String, and_, cast

from otp_service.audit import chain
from otp_service.audit.chain import Keys
from otp_service.audit.models import AuditEvent

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far an event may be dated before the one ahead of it: clocks differ, and an act reads its time at its start."""

# In the database: to decode JSON for each row would take a tenth of the time.
_IS_BLANK = and_(
    AuditEvent.ip == "", AuditEvent.agent == "", AuditEvent.request_id.is_(None), cast(AuditEvent.facts, String) == "{}"
)
COLUMNS = (
    AuditEvent.id, AuditEvent.at, AuditEvent.event, AuditEvent.user_id, AuditEvent.shard, AuditEvent.sequence,
    AuditEvent.key_id, AuditEvent.sealed, AuditEvent.signer, AuditEvent.digest, AuditEvent.link, AuditEvent.seal,
    _IS_BLANK.label("is_blank"),
)  # fmt: skip
"""What the faults of a row are found by."""


class Kind(StrEnum):
    """What is wrong."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    MOVED = "re-ordered"
    BACK_DATED = "back-dated"
    UNKNOWN_KEY = "unknown key"
    MISSING_KEY = "missing key"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `id` is the event's, None for one that is missing."""

    kind: Kind
    shard: int | None
    sequence: int | None
    id: int | None
    detail: str


def fault_of(row: Row[Any], kind: Kind, detail: str) -> Fault:
    """Return a fault of a row."""
    return Fault(kind, row.shard, row.sequence, row.id, detail)


def deleted(shard: int, first: int, last: int, detail: str) -> Fault:
    """Return the fault that the rows from one place to another are missing."""
    many = f"{last - first + 1} events are {detail}" if last > first else f"the event is {detail}"
    return Fault(Kind.DELETED, shard, first, None, many)


def find_fault(
    row: Row[Any], keys: Mapping[str, Keys], *, before: bytes | None, after: datetime | None
) -> Fault | None:
    """Return what is wrong with a row itself: what it says, its seal, or its link to the row before it.

    `before` is the link of that row, None if it is not known. `after` is its time, if it is known.
    """
    signing = keys.get(row.signer)
    if signing is None:
        detail = f"the key {row.signer} that signed it is not in ENCRYPTION_KEY"
        return fault_of(row, Kind.UNKNOWN_KEY, detail)
    return _find_edit(row, signing, after) or _find_move(row, signing, before)


def _find_edit(row: Row[Any], keys: Keys, after: datetime | None) -> Fault | None:
    if row.is_blank and row.key_id is not None and row.sealed is not None and _digest(keys, row) == row.digest:
        return None
    if after is not None and row.at < after - CLOCK_TOLERANCE:
        return fault_of(row, Kind.BACK_DATED, f"its time was changed to {row.at:%Y-%m-%d %H:%M:%S}")
    return fault_of(row, Kind.EDITED, "its time, event, user or facts were changed")


def _find_move(row: Row[Any], keys: Keys, before: bytes | None) -> Fault | None:
    if row.link is None or chain.seal_of(chain.place_key(keys, row.digest), row.link) != row.seal:
        return fault_of(row, Kind.MOVED, "it belongs to another place")
    if before is not None and chain.next_link(before, row.sequence, row.digest) != row.link:
        return fault_of(row, Kind.MOVED, "it does not follow the event before it")
    return None


def _digest(keys: Keys, row: Row[Any]) -> bytes:
    return chain.digest_of(
        keys, at=row.at, event=row.event, user_id=row.user_id, key_id=row.key_id.hex, sealed=row.sealed
    )
