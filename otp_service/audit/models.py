"""The tables of the audit trail: events, the heads and bases of their chains, and the keys of what is personal."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Integer, LargeBinary, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.sealed_columns import sealed
from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model


class AuditEvent(Model):
    """One event. `user_id` is no foreign key: the event outlives the user.

    What is personal is in `sealed`, under the key that `key_id` names. An event from before there were chains has it in
    the four columns from `ip` on, which are blank in all others, and none of those below them.
    """

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    event: Mapped[str] = mapped_column(String(60))
    user_id: Mapped[int | None] = mapped_column(Integer, index=True)
    ip: Mapped[str] = mapped_column(String(45))
    agent: Mapped[str] = mapped_column(String(200))
    request_id: Mapped[str | None] = mapped_column(String(64))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    shard: Mapped[int | None] = mapped_column(Integer)
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    key_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    signer: Mapped[str | None] = mapped_column(String(8))
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    link: Mapped[bytes | None] = mapped_column(LargeBinary)
    seal: Mapped[bytes | None] = mapped_column(LargeBinary)


class AuditHead(Model):
    """The newest row of a shard: how many rows it ever had, and the link of the last one."""

    __tablename__ = "audit_heads"

    shard: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)
    link: Mapped[bytes] = mapped_column(LargeBinary)


class AuditBase(Model):
    """The newest row of a shard that was deleted for its age. Only the deletion of old events writes it.

    The row of the shard -1 is the note that all events are in chains.
    """

    __tablename__ = "audit_bases"

    shard: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)
    link: Mapped[bytes] = mapped_column(LargeBinary)
    signer: Mapped[str] = mapped_column(String(8))
    seal: Mapped[bytes] = mapped_column(LargeBinary)


class AuditKey(Model):
    """A key of what is personal in the events of a subject. Deleting it makes that unreadable for good."""

    __tablename__ = "audit_keys"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    subject: Mapped[str] = mapped_column(String(60), index=True)
    sealed_key: Mapped[str] = mapped_column(Text, info=sealed("audit_keys.key", is_vital=False))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
