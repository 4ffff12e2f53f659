"""Remembers what each verification counts in totals, and finds those that count otherwise by now (ADR 52)."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Row, Select, case, cast, exists, func, or_, select, union_all

from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import fetch_all, transaction, upsert
from otp_service.spending.money import UNITS
from otp_service.verifications.models import CountedVerification, Verification
from otp_service.verifications.states import State

_STATES = tuple(state for state in State if state is not State.RESERVED)
_SPEND = func.coalesce(
    Verification.spend_units, cast(func.round(Verification.price_amount * UNITS), BigInteger), 0, type_=BigInteger
)
"""In units. Messages from before the ledger have a price alone, whatever its currency."""


@dataclass(frozen=True, slots=True)
class Count:
    """What a verification counts: its state, 1 if a provider took the message, and units of money."""

    state: str
    sent: int
    spend: int


@dataclass(frozen=True, slots=True)
class Change:
    """A verification that counts otherwise than before; None if it has not counted yet."""

    id: uuid.UUID
    at: datetime
    owner: str
    phone_number: str
    country: str
    channel: str
    provider: str
    now: Count
    before: Count | None


def changes(start: datetime, end: datetime, *, limit: int) -> list[Change]:
    """Return verifications of a span that count otherwise, in the transaction that counts them."""
    return [_change(row) for row in fetch_all(*_changed(start, end, limit))]


def _change(row: Row[Any]) -> Change:
    before = Count(row.before_state, row.before_sent, row.before_spend)
    return Change(
        id=row.id,
        at=row.created_at,
        owner=row.owner,
        phone_number=row.phone_number,
        country=row.country,
        channel=row.channel,
        provider=row.provider,
        now=Count(row.state, row.sent, row.spend),
        before=before if row.before_state is not None else None,
    )


@prepared
def _changed(start: Given, end: Given, limit: Given) -> Select[Any]:
    subject = (
        Verification.id, Verification.created_at, Verification.owner, Verification.phone_number, Verification.country,
        Verification.channel, Verification.provider,
    )  # fmt: skip
    was_sent = case((Verification.sent_at.is_not(None), 1), else_=0)
    now = (Verification.state, was_sent.label("sent"), _SPEND.label("spend"))
    mark = CountedVerification
    before = (mark.state.label("before_state"), mark.sent.label("before_sent"), mark.spend.label("before_spend"))
    is_other = or_(mark.id.is_(None), mark.state != Verification.state, mark.spend != _SPEND)
    # The states by name: with them, the index on state and time finds the span.
    is_within = Verification.state.in_(_STATES) & (Verification.created_at >= start) & (Verification.created_at < end)
    statement = select(*subject, *now, *before).outerjoin(mark, mark.id == Verification.id)
    return statement.where(is_within, is_other).limit(limit)


def remember(counted: Iterable[Change]) -> None:
    """Store what verifications count now, in the open transaction that counts them."""
    rows = [
        {"id": one.id, "at": one.at, "state": one.now.state, "sent": one.now.sent, "spend": one.now.spend}
        for one in counted
    ]
    statement = upsert(CountedVerification)
    values = {name: statement.excluded[name] for name in ("state", "sent", "spend")}
    if rows:
        with transaction() as session:
            session.connection().execute(statement.on_conflict_do_update(index_elements=["id"], set_=values), rows)


def first_from(start: datetime) -> datetime | None:
    """Return when the first verification from a time on was made. Asks for each state apart, as the index can."""
    is_later = Verification.created_at >= start
    parts = [
        select(func.min(Verification.created_at).label("at")).where(Verification.state == one, is_later)
        for one in _STATES
    ]
    found = union_all(*parts).subquery()
    at: datetime | None = fetch_all(select(func.min(found.c.at, type_=Verification.created_at.type)))[0][0]
    return at


def forget(before: datetime) -> int:
    """Delete what verifications count whose rows are deleted by now; return how many."""
    # One that is still stored would count again.
    is_gone = ~exists().where(Verification.id == CountedVerification.id)
    return delete_in_batches(CountedVerification, CountedVerification.at < before, is_gone)
