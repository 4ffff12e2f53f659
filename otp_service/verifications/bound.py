"""The messages of one backend's verification: the rows of the engine that are bound to it (ADR 31)."""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Update, delete, select, update
from sqlalchemy.orm import aliased

from otp_service.core.database.rows import Projection
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, execute_later, fetch_all
from otp_service.verifications import attempts, provider, records
from otp_service.verifications.models import Verification
from otp_service.verifications.states import State


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as it stands."""

    id: uuid.UUID
    bound_to: uuid.UUID
    channel: str
    state: str
    created_at: datetime
    expires_at: datetime


_MESSAGES = Projection(Message, Verification)


def current_of(owners: Collection[str], bound_to: Collection[uuid.UUID]) -> dict[uuid.UUID, Message]:
    """Return the message that counts for each verification that has one: the newest that was not given up.

    After a resend that surely failed, the message before it counts again: its code still works.
    """
    return _current(_MESSAGES.values(fetch_all(*_bound_to(list(owners), list(bound_to)))))


def _current(messages: Iterable[Message]) -> dict[uuid.UUID, Message]:
    return {message.bound_to: message for message in sorted(messages, key=_rank)}


def _rank(message: Message) -> tuple[bool, datetime]:
    return message.state != State.UNDELIVERED, message.created_at


@prepared
def _bound_to(owners: Given, bound_to: Given) -> Select[Any]:
    # By owner as well: that is what the index is for.
    return _MESSAGES.select().where(Verification.owner.in_(owners), Verification.bound_to.in_(bound_to))


def settle(owner: str, bound_to: uuid.UUID, *, now: datetime, since: uuid.UUID | None = None) -> Message | None:
    """Ask the provider about messages whose start got no response, and return the one that counts.

    With `since`, only that message and later ones count: those of one request. Raises ProviderUnavailable,
    ProviderRefused.
    """
    is_mine = (Verification.owner == owner) & (Verification.bound_to == bound_to)
    if since is not None:
        first = aliased(Verification)
        is_mine &= Verification.created_at >= select(first.created_at).where(first.id == since).scalar_subquery()
    with provider.within_request():
        for lost in records.read(records.of_owner(owner).where(is_mine, Verification.state == State.RESERVED)):
            provider.settle(lost, now=now)
    return _current(_MESSAGES.values(fetch_all(_MESSAGES.select().where(is_mine)))).get(bound_to)


def seconds_until_settled(message: Message, *, now: datetime) -> float:
    """Return the seconds after which nothing more will be learned of a start without a response; 0 if it is settled."""
    if message.state != State.RESERVED:
        return 0
    return (message.created_at + provider.IN_FLIGHT - now).total_seconds()


def is_known(message_id: uuid.UUID) -> bool:
    """Whether there is a message of this id."""
    return records.find(message_id) is not None


def adopt_lost(owner: str, bound_to: uuid.UUID, label: str | None) -> None:
    """Bind to this verification, in the open transaction, the owner's messages whose start got no response.

    Their senders learned that no message left. If one arrives nevertheless, its code must work (ADR 4).
    """
    execute_later(*_lost(owner, bound_to=bound_to, label=label))


@prepared
def _lost(owner: Given) -> Update:
    return update(Verification).where(Verification.owner == owner, Verification.state == State.RESERVED)


def close(message: Message, *, now: datetime) -> None:
    """End a message whose verification has seen as many wrong codes as allowed, over all its messages."""
    attempts.close(message.id, now=now)


def end(owner: str, bound_to: uuid.UUID, *, now: datetime) -> None:
    """Supersede the live messages, in the open transaction: their codes no longer work."""
    records.supersede(Verification.owner == owner, Verification.bound_to == bound_to, now=now)


def forget(owner: str, bound_to: uuid.UUID) -> None:
    """Delete the messages, with the codes that were tried on them, in the open transaction."""
    execute(delete(Verification).where(Verification.owner == owner, Verification.bound_to == bound_to))
