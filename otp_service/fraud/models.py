"""The tables of the guard: what it knows of each range, the operator's rules, and what it decided on each send."""

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Boolean, Index, Integer, Numeric, SmallInteger, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.addresses import IP_LENGTH
from otp_service.core.database.transactions import UtcDateTime
from otp_service.core.phone import E164_LENGTH
from otp_service.extensions import Model

KEY_LENGTH = 64
LONGEST_REASON = 200


class FraudNode(Model):
    """What is known of one range of numbers, or of one client. `state` is the text of a `Node`.

    No index but the key: PostgreSQL then writes most changes into the page of the row (HOT updates).
    """

    __tablename__ = "fraud_nodes"

    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FraudBlock(Model):
    """A node that refuses, from its first refusal until it would refuse no more: each block is notified once.

    `block`, `ip`, `channel` and `price` are those of the refused send: with them the node is asked again.
    """

    __tablename__ = "fraud_blocks"

    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(40))
    is_enforced: Mapped[bool] = mapped_column(Boolean)
    block: Mapped[str] = mapped_column(String(E164_LENGTH))
    ip: Mapped[str] = mapped_column(String(IP_LENGTH))
    channel: Mapped[str] = mapped_column(String(10))
    price: Mapped[Decimal] = mapped_column(Numeric(12, 4))


class FraudRule(Model):
    """A rule that an operator made: the longest prefix of a number decides, in E.164. A whole number is one, too."""

    __tablename__ = "fraud_rules"

    prefix: Mapped[str] = mapped_column(String(E164_LENGTH), primary_key=True)
    action: Mapped[str] = mapped_column(String(5))
    reason: Mapped[str] = mapped_column(String(LONGEST_REASON))
    author: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FraudSend(Model):
    """A send as the guard saw it, what it decided, and what became of the code. Refusals of a minute share rows.

    `id` is that of the verification; that of refusals follows from what is counted in the row, `times`. `block` is the
    number without its last three digits, and `number_hash` a keyed hash of all of it. `key` is the node that decided.
    `counted` and `probed` are the bits of the keys at which the send counts, and whose probe it is. `folded` is what
    the nodes have learned of it (of refusals: how many), and `due_at` when they got something to learn, NULL once they
    have learned it.
    """

    __tablename__ = "fraud_sends"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    block: Mapped[str] = mapped_column(String(E164_LENGTH))
    number_hash: Mapped[str] = mapped_column(String(22))
    ip: Mapped[str] = mapped_column(String(IP_LENGTH))
    channel: Mapped[str] = mapped_column(String(10))
    price: Mapped[Decimal] = mapped_column(Numeric(12, 4))
    decision: Mapped[str] = mapped_column(String(9))
    reason: Mapped[str] = mapped_column(String(40))
    key: Mapped[str | None] = mapped_column(String(KEY_LENGTH))
    was_sent: Mapped[bool] = mapped_column(Boolean)
    times: Mapped[int] = mapped_column(Integer)
    counted: Mapped[int] = mapped_column(SmallInteger)
    probed: Mapped[int] = mapped_column(SmallInteger)
    outcome: Mapped[str | None] = mapped_column(String(11))
    outcome_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    folded: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


# Most rows have been learned from: they cost this index nothing.
_HAS_TO_LEARN = FraudSend.due_at.is_not(None)
Index("ix_fraud_sends_due_at", FraudSend.due_at, postgresql_where=_HAS_TO_LEARN, sqlite_where=_HAS_TO_LEARN)
