"""Verifies the whole trail: finds rows that were edited, deleted, inserted, moved or back-dated, and names them.

The rows are read once, in the order of their ids, which is the order of each shard. They are compared with the heads
and bases of the same moment, so the service may go on meanwhile (ADR 48).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from otp_service.audit import chain
from otp_service.audit.bases import NOTE, is_genuine, stored_bases
from otp_service.audit.chain import Keys
from otp_service.audit.faults import CLOCK_TOLERANCE, COLUMNS, Fault, Kind, deleted, fault_of, find_fault
from otp_service.audit.heads import Place, Published, read_heads
from otp_service.audit.models import AuditEvent, AuditKey
from otp_service.audit.readers import Readers
from otp_service.audit.signers import OF_THE_TRAIL, all_keys
from otp_service.core.database.transactions import snapshot

AT_ONCE = 5_000
"""Rows of one SELECT."""

MOST_OF_A_SHARD = 10
"""Faults that are listed for one shard. After a change of its order, every later row is one."""


_ROWS = select(*COLUMNS, AuditKey.sealed_key).outerjoin(AuditKey, AuditKey.id == AuditEvent.key_id)


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


def verify(published: Sequence[Published] = (), *, kept_since: datetime | None = None) -> Report:
    """Read the whole trail and return what is wrong. `published` is what heads say that were signed earlier.

    No event from `kept_since` on may have been deleted for its age.
    """
    with snapshot() as connection:
        return _Verification(connection, all_keys(), published, kept_since).run()


class _Verification:
    def __init__(
        self, connection: Connection, keys: Mapping[str, Keys], published: Sequence[Published], kept: datetime | None
    ) -> None:
        self._connection, self._keys, self._published, self._kept_since = connection, keys, published, kept
        self._links: dict[int, dict[int, bytes]] = {}
        for head in published:
            for shard, place in head.places.items():
                self._links.setdefault(shard, {})[place.sequence] = place.link
        self._heads = read_heads(connection)
        self._general: list[Fault] = []
        self._clocks: list[Fault] = []
        self._shards = {shard: _Shard(shard, 0, chain.first_link(shard)) for shard in {*self._heads, *self._links}}
        self._based = {row.shard: Place(row.sequence, row.link) for row in self._read_bases()}
        is_noted = self._based.pop(NOTE, None) is not None
        for shard, base in self._based.items():
            self._shards[shard] = _Shard(shard, base.sequence, base.link)
        is_adopted = is_noted or any(shard >= chain.ADOPTED for shard in self._heads)
        self._may_be_unchained = not (self._based or is_adopted or self._has_lost_all_heads())
        self._readers = Readers()

    def run(self) -> Report:
        events = unchained = 0
        first_chained: int | None = None
        for row in read_rows(self._connection, _ROWS):
            events += 1
            if row.shard is not None and row.sequence is not None and row.sequence > 0:
                first_chained = first_chained or row.id
                self._look_at(row)
                if row.signer in self._keys:  # else that is what is wrong
                    self._readers.look_at(row)
            elif row.shard is None and self._may_be_unchained and first_chained is None and row.id > 0:
                unchained += 1
            else:
                detail = "it is in no chain: the service did not write it, or an older version did (docs/audit.md)"
                self._general.append(Fault(Kind.INSERTED, row.shard, row.sequence, row.id, detail))
        for shard in self._shards.values():
            self._finish(shard)
        self._compare_with_published()
        self._general.extend(self._readers.faults())
        listed = [fault for shard in self._shards.values() for fault in shard.faults[:MOST_OF_A_SHARD]]
        all_faults = len(self._general) + sum(len(shard.faults) for shard in self._shards.values())
        faults = [*self._general[:MOST_OF_A_SHARD], *listed]
        return Report(events, len(self._heads), unchained, faults, self._clocks, is_shortened=len(faults) < all_faults)

    def _read_bases(self) -> Iterator[Row[Any]]:
        """Yield the bases that the service sealed."""
        for row in stored_bases(self._connection):
            if is_genuine(row, self._keys):
                yield row
            else:
                detail = "the note up to where old events were deleted is not the service's"
                self._general.append(Fault(Kind.EDITED, row.shard, row.sequence, None, detail))

    def _has_lost_all_heads(self) -> bool:
        """Whether no chain is left, although there were some: the keys of their events are stored."""
        is_of_events = AuditKey.subject.not_like(f"{OF_THE_TRAIL}%")
        if self._heads or self._connection.execute(select(AuditKey.id).where(is_of_events).limit(1)).first() is None:
            return False
        self._general.append(Fault(Kind.DELETED, None, None, None, "the ends of all chains are not noted any more"))
        return True

    def _look_at(self, row: Row[Any]) -> None:
        shard = self._shards.get(row.shard)
        if shard is None:
            shard = self._shards[row.shard] = _Shard(row.shard, 0, chain.first_link(row.shard))
        if (fault := self._find_fault(shard, row)) is not None:
            shard.faults.append(fault)
        elif shard.at is not None and row.at < shard.at - CLOCK_TOLERANCE and len(self._clocks) < MOST_OF_A_SHARD:
            detail = f"dated {row.at:%Y-%m-%d %H:%M:%S}, behind one of {shard.at:%Y-%m-%d %H:%M:%S}"
            self._clocks.append(Fault(Kind.BACK_DATED, row.shard, row.sequence, row.id, detail))
        published = self._links.get(row.shard, {}).get(row.sequence)
        if published is not None and published != row.link:
            detail = "the published head has another link at this place: the chain was written again"
            shard.faults.append(Fault(Kind.EDITED, row.shard, row.sequence, row.id, detail))
        if row.sequence > shard.sequence:
            shard.sequence, shard.link, shard.at, shard.id = row.sequence, row.link, row.at, row.id

    def _find_fault(self, shard: _Shard, row: Row[Any]) -> Fault | None:
        before, expected = shard.link, shard.sequence + 1
        head = self._heads.get(row.shard)
        if head is None or row.sequence > head.sequence:
            return fault_of(row, Kind.INSERTED, "it is beyond the end of its chain")
        if row.sequence < expected:
            return _out_of_order(shard, row)
        if row.sequence > expected:
            shard.missing.append((expected, row.sequence - 1, row.id))
            before = None
        return find_fault(row, self._keys, before=before, after=shard.at)

    def _finish(self, shard: _Shard) -> None:
        for first, last, next_id in shard.missing:
            shard.faults.append(deleted(shard.number, first, last, f"missing before the event {next_id}"))
        head = self._heads.get(shard.number)
        if head is None:
            detail = "the end of the chain is not noted any more"
            self._general.append(Fault(Kind.DELETED, shard.number, None, None, detail))
        elif head.sequence > shard.sequence:
            detail = f"missing after the event {shard.id}" if shard.id else "missing, with all before in this chain"
            shard.faults.append(deleted(shard.number, shard.sequence + 1, head.sequence, detail))
        elif head.sequence == shard.sequence and head.link != shard.link:
            detail = "the noted end of the chain differs"
            self._general.append(Fault(Kind.EDITED, shard.number, head.sequence, shard.id or None, detail))

    def _published_places(self) -> Iterator[tuple[int, Place]]:
        for shard, links in self._links.items():
            for sequence, link in links.items():
                yield shard, Place(sequence, link)

    def _compare_with_published(self) -> None:
        for shard, place in self._published_places():
            now, base = self._heads.get(shard, Place(0, b"")), self._based.get(shard, Place(0, b""))
            if place.sequence > now.sequence:
                detail = f"the published head has {place.sequence} events, the chain has {now.sequence}"
                self._general.append(deleted(shard, now.sequence + 1, place.sequence, detail))
            elif place.sequence == base.sequence and place.link != base.link:
                detail = "the published head has another link where old events were deleted"
                self._general.append(Fault(Kind.EDITED, shard, place.sequence, None, detail))
        for shard, base in self._based.items():
            self._find_too_young(shard, base)

    def _find_too_young(self, shard: int, base: Place) -> None:
        """Find events that were deleted for their age, although a head shows that they are younger."""
        # What a head counted is as young as its first event; what it did not count yet is younger than the head.
        if self._kept_since is None:
            return
        kept, least = self._kept_since + CLOCK_TOLERANCE, base.sequence
        for head in self._published:
            if head.oldest is not None and head.oldest >= kept:
                least = min(least, head.deleted.get(shard, 0))
            elif head.at >= kept and shard < chain.ADOPTED:
                least = min(least, head.places.get(shard, Place(0, b"")).sequence)
        if least < base.sequence:
            detail = "deleted as old, but a published head shows that AUDIT_RETENTION still kept it"
            self._general.append(deleted(shard, least + 1, base.sequence, detail))


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
            return fault_of(row, Kind.MOVED, f"its place is before the event {next_id}")
    return fault_of(row, Kind.INSERTED, "another event has its place in the chain")
