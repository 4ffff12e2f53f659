"""What leaves the trail as evidence: each event with its digest and links, one JSON object for each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from otp_service.audit import chain, trail
from otp_service.audit.models import AuditBase, AuditEvent
from otp_service.audit.trail import Entry
from otp_service.audit.verifying import read_rows
from otp_service.core.database.transactions import fetch_all, snapshot

REREAD = 500
"""Ids behind the newest that are looked at again: PostgreSQL commits ids in any order."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: those from a time on, before another one, of one user."""

    since: datetime | None = None
    until: datetime | None = None
    user_id: int | None = None

    def has(self, row: Any) -> bool:
        """Whether an event is one of these."""
        return (
            (self.since is None or row.at >= self.since)
            and (self.until is None or row.at < self.until)
            and self.user_id in {None, row.user_id}
        )


def export(wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Yield the events as they are now, the oldest first, with all that proves their places."""
    statement = trail.selected().add_columns(
        AuditEvent.shard, AuditEvent.sequence, AuditEvent.signer, AuditEvent.digest, AuditEvent.link, AuditEvent.seal
    )
    with snapshot() as connection:
        links = {row.shard: row.link for row in connection.execute(select(AuditBase.shard, AuditBase.link))}
        # All rows are read, since a row proves nothing without the link of the one before it in its shard.
        for row in read_rows(connection, statement):
            before = links.get(row.shard) or (None if row.shard is None else chain.first_link(row.shard))
            links[row.shard] = row.link
            if wanted.has(row):
                yield {**as_json(trail.opened(row)), "key": row.key_id and row.key_id.hex, **_proof(row, before)}


def as_json(entry: Entry) -> dict[str, Any]:
    """Return an event by the names of JSON."""
    return {
        "id": entry.id, "at": entry.at, "event": entry.event, "userId": entry.user_id, "ip": entry.ip,
        "agent": entry.agent, "requestId": entry.request_id, "facts": entry.facts,
    }  # fmt: skip


def _proof(row: Any, before: bytes | None) -> dict[str, Any]:
    def hexadecimal(value: bytes | None) -> str | None:
        return None if value is None else value.hex()

    return {
        "shard": row.shard, "sequence": row.sequence, "sealed": hexadecimal(row.sealed), "signer": row.signer,
        "digest": hexadecimal(row.digest), "previousLink": hexadecimal(before), "link": hexadecimal(row.link),
        "seal": hexadecimal(row.seal),
    }  # fmt: skip


def newest(limit: int) -> list[Entry]:
    """Return the newest events, the oldest of them first."""
    rows = fetch_all(trail.selected().order_by(AuditEvent.id.desc()).limit(limit))
    return [trail.opened(row) for row in rows[::-1]]


class Follower:
    """Returns events that came since, each of them once."""

    def __init__(self, seen: list[Entry]) -> None:
        self._newest = max((entry.id for entry in seen), default=trail.newest_id())
        self._first = self._newest
        self._seen = {entry.id for entry in seen}

    def read(self) -> list[Entry]:
        """Return what is new, in the order of the ids."""
        # Ids at or below the first one were there before, or belong to transactions that were open then.
        after = max(self._first, self._newest - REREAD)
        found = [entry for entry in trail.entries(after=after, limit=2 * REREAD) if entry.id not in self._seen]
        self._seen |= {entry.id for entry in found}
        self._newest = max((self._newest, *(entry.id for entry in found)))
        self._seen = {number for number in self._seen if number > self._newest - 2 * REREAD}
        return found
