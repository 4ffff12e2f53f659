"""Reads and moves verifications from state to state; every move is one conditional update."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, Uuid, delete, insert, literal, or_, select, update

from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction
from otp_service.core.services import settings
from otp_service.sinch import Channel, Price
from otp_service.verifications import budget
from otp_service.verifications.budget import Spending
from otp_service.verifications.models import Verification
from otp_service.verifications.states import TO_A_STRANGERS_NUMBER, Delivered, State


@dataclass(frozen=True, slots=True)
class Ticket:
    """A verification as plain values, to be carried over a call to the provider."""

    id: uuid.UUID
    user_id: int
    challenge_id: uuid.UUID | None
    purpose: str
    channel: str
    phone_number: str
    ip: str
    is_anonymous: bool
    provider_id: str | None
    state: str
    attempts: int
    created_at: datetime
    expires_at: datetime

    @property
    def reference(self) -> str:
        """The name under which the provider can find it."""
        return str(self.id)

    def opened_provider_id(self) -> str:
        """The provider's id in the clear."""
        return keyring().open(self.provider_id or "", context=_context(self.id))

    def via(self) -> Channel:
        """The channel."""
        return Channel(self.channel)

    def spending(self) -> Spending:
        """What the send used up."""
        has_part = self.is_anonymous or self.purpose in TO_A_STRANGERS_NUMBER
        return Spending(self.user_id, self.phone_number, self.ip, is_anonymous=has_part)


_GRANTED = (
    "user_id",
    "challenge_id",
    "purpose",
    "phone_number",
    "country",
    "ip",
    "is_anonymous",
    "attempts",
    "created_at",
    "expires_at",
)
_COLUMNS = [getattr(Verification, name) for name in Ticket.__dataclass_fields__]
_IS_LIVE = Verification.state.in_((State.RESERVED, State.SENT))
_add = prepared_insert(Verification, *_COLUMNS)


def reserve(**values: Any) -> Ticket:
    """Add a verification that is about to be started, in the open transaction; `values` by column."""
    return Ticket(*execute(*_add(**values, state=State.RESERVED, attempts=0)).one())


def newest_first(user_id: int, *conditions: ColumnElement[bool]) -> list[Ticket]:
    """The user's verifications that meet the conditions."""
    return read(of_user(user_id).where(*conditions))


def of_user(user_id: int | Given) -> Select[Any]:
    """A statement for `read`, to be narrowed down: the user's verifications, the newest first."""
    statement = select(*_COLUMNS).where(Verification.user_id == user_id)
    return statement.order_by(Verification.created_at.desc(), Verification.id)


def read(statement: Select[Any], parameters: Mapping[str, Any] | None = None) -> list[Ticket]:
    """The verifications that a statement made of `of_user` finds."""
    return [Ticket(*row) for row in fetch_all(statement, parameters)]


def oldest_first(condition: ColumnElement[bool], *, limit: int) -> list[Ticket]:
    """Verifications of all users that meet the condition."""
    statement = select(*_COLUMNS).where(condition).order_by(Verification.created_at).limit(limit)
    return [Ticket(*row) for row in fetch_all(statement)]


def lock(verification_id: uuid.UUID) -> bool:
    """Queue here, first thing in a transaction that changes a verification or its attempts; False when it is gone.

    In one order for all, parallel checks of one code cannot deadlock. SQLite queues all writers anyway.
    """
    return bool(fetch_all(*_locked(verification_id)))


@prepared
def _locked(verification_id: Given) -> Select[Any]:
    return select(Verification.id).where(Verification.id == verification_id).with_for_update()


def get(verification_id: uuid.UUID) -> Ticket:
    """One verification as it stands now."""
    return Ticket(*fetch_all(select(*_COLUMNS).where(Verification.id == verification_id))[0])


def find(verification_id: uuid.UUID) -> Ticket | None:
    """One verification, if there is one."""
    row = fetch_one(select(*_COLUMNS).where(Verification.id == verification_id))
    return Ticket(*row) if row else None


def mark_sent(
    ticket: Ticket, provider_id: str, *, sent_at: datetime, now: datetime, ttl_seconds: int | None = None
) -> None:
    """The provider took it: from now on its code counts, and the user's older codes do not."""
    sealed = keyring().seal(provider_id, context=_context(ticket.id))
    ends = sent_at + timedelta(seconds=settings().codes.ttl_seconds if ttl_seconds is None else ttl_seconds)
    with transaction():
        if move(ticket.id, (State.RESERVED,), State.SENT, provider_id=sealed, sent_at=sent_at, expires_at=ends):
            superseded = {"state": State.SUPERSEDED, "settled_at": now}
            execute(*_sent_before(ticket.user_id, ticket.id, ticket.created_at, **superseded))


@prepared
def _sent_before(user_id: Given, verification_id: Given, created_at: Given) -> Update:
    is_older = (Verification.created_at <= created_at) & (Verification.id != verification_id)
    return update(Verification).where(Verification.user_id == user_id, Verification.state == State.SENT, is_older)


def mark_undelivered(ticket: Ticket, *, now: datetime) -> None:
    """No message left: close it and give back what it used up."""
    with transaction():
        if move(ticket.id, (State.RESERVED,), State.UNDELIVERED, settled_at=now):
            give_back(ticket, now=now)


def hand_on(ticket: Ticket, channel: Channel, *, now: datetime) -> Ticket | None:
    """Close it, and let another verification of the same person by `channel` have what it took of the budget.

    The new one keeps the old one's time, under which it was counted. None when the old one was closed meanwhile, and
    has given back what it took.
    """
    successor = uuid.uuid4()
    own = {"id": literal(successor, Uuid), "channel": literal(channel.value), "state": literal(State.RESERVED.value)}
    names = [*_GRANTED, *own]
    columns = [own.get(name, getattr(Verification, name)) for name in names]
    with transaction():
        if not move(ticket.id, (State.RESERVED,), State.UNDELIVERED, settled_at=now):
            return None
        source = select(*columns).where(Verification.id == ticket.id)
        execute(insert(Verification).from_select(names, source))
        return get(successor)


def give_back(ticket: Ticket, *, now: datetime) -> None:
    """Give the cooldown and the counts back, once."""
    is_due = (Verification.id == ticket.id) & Verification.given_back_at.is_(None)
    with transaction():
        if execute(update(Verification).where(is_due).values(given_back_at=now)).rowcount == 1:
            budget.give_back(ticket.spending(), taken_at=ticket.created_at)


def move(verification_id: uuid.UUID, origins: Iterable[State], target: State, **values: Any) -> bool:
    """Move it if it still is in one of the origins; whether this call did it."""
    with transaction():
        return execute(*_in_states(verification_id, list(origins), state=target, **values)).rowcount == 1


@prepared
def _in_states(verification_id: Given, states: Given) -> Update:
    return update(Verification).where(Verification.id == verification_id, Verification.state.in_(states))


def end_of_number(phone_number: str, *, owner_id: int, now: datetime) -> None:
    """In the open transaction: no code works that is on its way to the number for another than its new owner.

    Nor one for the owner to an earlier number.
    """
    execute(*_live_besides(phone_number, owner_id, state=State.SUPERSEDED, settled_at=now))


@prepared
def _live_besides(phone_number: Given, owner_id: Given) -> Update:
    is_to_it = Verification.phone_number == phone_number
    is_owners = Verification.user_id == owner_id
    return update(Verification).where(_IS_LIVE, or_(is_to_it & ~is_owners, is_owners & ~is_to_it))


def end_codes(user_id: int) -> None:
    """In the open transaction: no code works that is on its way to the user."""
    end_live(Verification.user_id == user_id, now=clock.now())


def end_live(*conditions: ColumnElement[bool], now: datetime) -> None:
    """Let no code that meets the conditions work any more, in the open transaction."""
    values = {"state": State.SUPERSEDED, "settled_at": now}
    execute(update(Verification).where(_IS_LIVE, *conditions).values(values))


def set_price(verification_id: uuid.UUID, price: Price) -> None:
    """Note what the provider billed."""
    values = {"price_amount": price.total, "price_currency": price.currency}
    with transaction():
        execute(update(Verification).where(Verification.id == verification_id).values(**values))


def set_first_price(verification_id: uuid.UUID, price: Price) -> bool:
    """Note a price that came by itself, unless one is known; whether this call did it."""
    is_unpriced = (Verification.id == verification_id) & Verification.price_amount.is_(None)
    values = {"price_amount": price.total, "price_currency": price.currency}
    with transaction():
        return execute(update(Verification).where(is_unpriced).values(**values)).rowcount == 1


def put_price_off(ticket: Ticket, *, now: datetime) -> None:
    """The provider names no price yet: ask again when the verification is twice as old."""
    with transaction():
        due_at = now + (now - ticket.created_at)
        execute(update(Verification).where(Verification.id == ticket.id).values(price_due_at=due_at))


def set_delivery(verification_id: uuid.UUID, *, has_arrived: bool) -> bool:
    """Note whether the message arrived; what has arrived stays so. Whether this call changed anything."""
    told = Delivered.YES if has_arrived else Delivered.NO
    is_news = Verification.delivered.is_(None) | (Verification.delivered == Delivered.NO) & has_arrived
    with transaction():
        statement = update(Verification).where(Verification.id == verification_id, is_news).values(delivered=told)
        return execute(statement).rowcount == 1


def _context(verification_id: uuid.UUID) -> str:
    return f"verifications.provider_id:{verification_id}"


def forget(before: datetime) -> int:
    """Delete verifications that were made before a time and are over, with their attempts; how many there were."""
    is_over = Verification.state.not_in((State.RESERVED, State.SENT)) & (Verification.created_at < before)
    with transaction():
        return int(execute(delete(Verification).where(is_over)).rowcount)
