"""Verifies the whole trail: finds rows that were edited, deleted, inserted, moved or back-dated, and names them.

The rows are read once, in the order of their ids, which is the order of each shard. They are compared with the heads
and bases of the same moment, so the service may go on meanwhile (ADR 48).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, String, and_, cast, select

from otp_service.audit import chain
from otp_service.audit.chain import Keys
from otp_service.audit.heads import Place, Published, read_heads
from otp_service.audit.models import AuditBase, AuditEvent
from otp_service.audit.signers import all_keys
from otp_service.core.database.transactions import snapshot

AT_ONCE = 5_000
"""Rows of one SELECT."""

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far an event may be dated before the one ahead of it: clocks differ, and an act reads its time at its start."""

MOST_OF_A_SHARD = 10
"""Faults that are listed for one shard. After a change of its order, every later row is one."""

# In the database: to decode JSON for each row would take a tenth of the time.
_IS_BLANK = and_(
    AuditEvent.ip == "", AuditEvent.agent == "", AuditEvent.request_id.is_(None), cast(AuditEvent.facts, String) == "{}"
)
_COLUMNS = (
    AuditEvent.id, AuditEvent.at, AuditEvent.event, AuditEvent.user_id, AuditEvent.shard, AuditEvent.sequence,
    AuditEvent.key_id, AuditEvent.sealed, AuditEvent.signer, AuditEvent.digest, AuditEvent.link, AuditEvent.seal,
    _IS_BLANK.label("is_blank"),
)  # fmt: skip


class Kind(StrEnum):
    """What is wrong."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    MOVED = "re-ordered"
    BACK_DATED = "back-dated"
    UNKNOWN_KEY = "unknown key"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `id` is the event's, None for one that is missing."""

    kind: Kind
    shard: int | None
    sequence: int | None
    id: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found. `unchained` counts events from before there were chains, which no chain covers.

    `clocks` names events that a clock dated before the event ahead of them: true, but worth a look.
    """

    events: int
    shards: int
    unchained: int
    faults: list[Fault]
    clocks: list[Fault]
    is_shortened: bool = False

    @property
    def is_intact(self) -> bool:
        """Whether all is as the service wrote it."""
        return not self.faults


@dataclass(slots=True)
class _Shard:
    """A shard, as far as it was read. `link` is None behind a gap, where the link before is not known."""

    number: int
    sequence: int
    link: bytes | None
    at: datetime | None = None
    id: int = 0
    missing: list[tuple[int, int, int]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def verify(published: Published | None = None) -> Report:
    """Read the whole trail and return what is wrong. `published` is what heads say that were signed earlier."""
    with snapshot() as connection:
        return _Verification(connection, all_keys(), published or {}).run()


class _Verification:
    def __init__(self, connection: Connection, keys: Mapping[str, Keys], published: Published) -> None:
        self._connection, self._keys, self._published = connection, keys, published
        self._heads = read_heads(connection)
        self._general: list[Fault] = []
        self._clocks: list[Fault] = []
        self._shards = {shard: _Shard(shard, 0, chain.first_link(shard)) for shard in {*self._heads, *published}}
        self._based = {row.shard: Place(row.sequence, row.link) for row in self._read_bases()}
        for shard, base in self._based.items():
            self._shards[shard] = _Shard(shard, base.sequence, base.link)
        self._unpruned = not self._based and all(shard < chain.ADOPTED for shard in self._heads)

    def run(self) -> Report:
        events = unchained = 0
        first_chained: int | None = None
        for row in read_rows(self._connection, select(*_COLUMNS)):
            events += 1
            if row.shard is not None and row.sequence is not None and row.sequence > 0:
                first_chained = first_chained or row.id
                self._look_at(row)
            elif row.shard is None and self._unpruned and first_chained is None and row.id > 0:
                unchained += 1
            else:
                detail = "it is in no chain; if an older version wrote it during an upgrade: flask audit adopt"
                self._general.append(Fault(Kind.INSERTED, row.shard, row.sequence, row.id, detail))
        for shard in self._shards.values():
            self._finish(shard)
        self._compare_with_published()
        listed = [fault for shard in self._shards.values() for fault in shard.faults[:MOST_OF_A_SHARD]]
        all_faults = len(self._general) + sum(len(shard.faults) for shard in self._shards.values())
        faults = [*self._general[:MOST_OF_A_SHARD], *listed]
        return Report(events, len(self._heads), unchained, faults, self._clocks, is_shortened=len(faults) < all_faults)

    def _read_bases(self) -> Iterator[Row[Any]]:
        """Yield the bases that the service sealed."""
        for row in self._connection.execute(select(*AuditBase.__table__.columns)):
            keys = self._keys.get(row.signer)
            sealed = keys and chain.base_seal(keys, shard=row.shard, sequence=row.sequence, link=row.link)
            if sealed == row.seal:
                yield row
            else:
                detail = "the note up to where old events were deleted is not the service's"
                self._general.append(Fault(Kind.EDITED, row.shard, row.sequence, None, detail))

    def _look_at(self, row: Row[Any]) -> None:
        shard = self._shards.get(row.shard)
        if shard is None:
            shard = self._shards[row.shard] = _Shard(row.shard, 0, chain.first_link(row.shard))
        if (fault := self._find_fault(shard, row)) is not None:
            shard.faults.append(fault)
        elif shard.at is not None and row.at < shard.at - CLOCK_TOLERANCE and len(self._clocks) < MOST_OF_A_SHARD:
            detail = f"dated {row.at:%Y-%m-%d %H:%M:%S}, behind one of {shard.at:%Y-%m-%d %H:%M:%S}"
            self._clocks.append(Fault(Kind.BACK_DATED, row.shard, row.sequence, row.id, detail))
        published = self._published.get(row.shard, {}).get(row.sequence)
        if published is not None and published != row.link:
            detail = "the published head has another link at this place: the chain was written again"
            shard.faults.append(Fault(Kind.EDITED, row.shard, row.sequence, row.id, detail))
        if row.sequence > shard.sequence:
            shard.sequence, shard.link, shard.at, shard.id = row.sequence, row.link, row.at, row.id

    def _find_fault(self, shard: _Shard, row: Row[Any]) -> Fault | None:
        before, expected = shard.link, shard.sequence + 1
        head = self._heads.get(row.shard)
        if head is None or row.sequence > head.sequence:
            return _fault(row, Kind.INSERTED, "it is beyond the end of its chain")
        if row.sequence < expected:
            return _out_of_order(shard, row)
        if row.sequence > expected:
            shard.missing.append((expected, row.sequence - 1, row.id))
            before = None
        keys = self._keys.get(row.signer)
        if keys is None:
            return _fault(row, Kind.UNKNOWN_KEY, f"the key {row.signer} that signed it is not in ENCRYPTION_KEY")
        return _find_edit(shard, row, keys) or _find_move(row, keys, before)

    def _finish(self, shard: _Shard) -> None:
        for first, last, next_id in shard.missing:
            shard.faults.append(_deleted(shard.number, first, last, f"missing before the event {next_id}"))
        head = self._heads.get(shard.number)
        if head is None:
            detail = "the end of the chain is not noted any more"
            self._general.append(Fault(Kind.DELETED, shard.number, None, None, detail))
        elif head.sequence > shard.sequence:
            detail = f"missing after the event {shard.id}" if shard.id else "missing, with all before in this chain"
            shard.faults.append(_deleted(shard.number, shard.sequence + 1, head.sequence, detail))
        elif head.sequence == shard.sequence and head.link != shard.link:
            detail = "the noted end of the chain differs"
            self._general.append(Fault(Kind.EDITED, shard.number, head.sequence, shard.id or None, detail))

    def _published_places(self) -> Iterator[tuple[int, Place]]:
        for shard, links in self._published.items():
            for sequence, link in links.items():
                yield shard, Place(sequence, link)

    def _compare_with_published(self) -> None:
        for shard, place in self._published_places():
            now, base = self._heads.get(shard, Place(0, b"")), self._based.get(shard, Place(0, b""))
            if place.sequence > now.sequence:
                detail = f"the published head has {place.sequence} events, the chain has {now.sequence}"
                self._general.append(_deleted(shard, now.sequence + 1, place.sequence, detail))
            elif place.sequence == base.sequence and place.link != base.link:
                detail = "the published head has another link where old events were deleted"
                self._general.append(Fault(Kind.EDITED, shard, place.sequence, None, detail))


def read_rows(connection: Connection, selected: Select[Any]) -> Iterator[Row[Any]]:
    """Yield what a SELECT of events finds, which has their id, in the order of the ids."""
    statement = selected.order_by(AuditEvent.id).limit(AT_ONCE)
    found = connection.execute(statement).all()
    while found:
        yield from found
        found = connection.execute(statement.where(AuditEvent.id > found[-1].id)).all()


def _out_of_order(shard: _Shard, row: Row[Any]) -> Fault:
    for index, (first, last, next_id) in enumerate(shard.missing):
        if first <= row.sequence <= last:
            rest = [(first, row.sequence - 1, next_id), (row.sequence + 1, last, next_id)]
            shard.missing[index : index + 1] = [gap for gap in rest if gap[0] <= gap[1]]
            return _fault(row, Kind.MOVED, f"its place is before the event {next_id}")
    return _fault(row, Kind.INSERTED, "another event has its place in the chain")


def _find_edit(shard: _Shard, row: Row[Any], keys: Keys) -> Fault | None:
    if row.is_blank and row.key_id is not None and row.sealed is not None and _digest(keys, row) == row.digest:
        return None
    if shard.at is not None and row.at < shard.at - CLOCK_TOLERANCE:
        return _fault(row, Kind.BACK_DATED, f"its time was changed to {row.at:%Y-%m-%d %H:%M:%S}")
    return _fault(row, Kind.EDITED, "its time, event, user or facts were changed")


def _find_move(row: Row[Any], keys: Keys, before: bytes | None) -> Fault | None:
    if row.link is None or chain.seal_of(chain.place_key(keys, row.digest), row.link) != row.seal:
        return _fault(row, Kind.MOVED, "it belongs to another place")
    if before is not None and chain.next_link(before, row.sequence, row.digest) != row.link:
        return _fault(row, Kind.MOVED, "it does not follow the event before it")
    return None


def _fault(row: Row[Any], kind: Kind, detail: str) -> Fault:
    return Fault(kind, row.shard, row.sequence, row.id, detail)


def _digest(keys: Keys, row: Row[Any]) -> bytes:
    return chain.digest_of(
        keys, at=row.at, event=row.event, user_id=row.user_id, key_id=row.key_id.hex, sealed=row.sealed
    )


def _deleted(shard: int, first: int, last: int, detail: str) -> Fault:
    many = f"{last - first + 1} events are {detail}" if last > first else f"the event is {detail}"
    return Fault(Kind.DELETED, shard, first, None, many)
