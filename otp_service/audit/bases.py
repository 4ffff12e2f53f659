"""What the service notes about the trail under its key: up to where old events were deleted, and that all are chained.

The note that all events are in chains is a base of no shard. From then on, an event in no chain is a fault (ADR 48).
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from otp_service.audit import chain
from otp_service.audit.chain import Keys
from otp_service.audit.models import AuditBase, AuditEvent
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction, upsert

NOTE = -1
"""The number of no shard, which the note has that all events are in chains."""

UPKEEP = "audit upkeep"
"""The turn of those that change rows of the trail: adoption and the deletion of old events."""


def is_genuine(row: Row[Any], keys: Mapping[str, Keys]) -> bool:
    """Whether the service sealed a base."""
    signing = keys.get(row.signer)
    return signing is not None and row.seal == chain.base_seal(
        signing, shard=row.shard, sequence=row.sequence, link=row.link
    )


def stored_bases(connection: Connection | None = None) -> list[Row[Any]]:
    """Return all bases, also those that the service did not seal."""
    statement = select(*AuditBase.__table__.columns)
    return list(fetch_all(statement) if connection is None else connection.execute(statement).all())


def read_bases(keys: Mapping[str, Keys]) -> list[Row[Any]]:
    """Return the bases that the service sealed."""
    return [row for row in stored_bases() if is_genuine(row, keys)]


def sealed_base(shard: int, sequence: int, link: bytes) -> dict[str, Any]:
    """Return a base to store, sealed by the newest key."""
    signer, keys = chain.newest(keyring())
    seal = chain.base_seal(keys, shard=shard, sequence=sequence, link=link)
    return {"shard": shard, "sequence": sequence, "link": link, "signer": signer, "seal": seal}


def is_noted() -> bool:
    """Whether a note says that all events are in chains."""
    return fetch_one(select(AuditBase.shard).where(AuditBase.shard == NOTE)) is not None


def note_if_all_are_chained() -> None:
    """Note that all events are in chains, once they are. Safe to repeat."""
    if is_noted():
        return
    has_events = fetch_one(select(AuditEvent.id).limit(1)) is not None
    if has_events and fetch_one(select(AuditEvent.id).where(AuditEvent.shard.is_(None)).limit(1)) is None:
        with transaction():
            new = upsert(AuditBase).values(sealed_base(NOTE, 0, chain.first_link(NOTE)))
            execute(new.on_conflict_do_nothing())
