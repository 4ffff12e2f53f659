"""Ends what nobody came back for: sends that died on the way, codes that grew old, prices that came late."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement

from otp_service.core import clock
from otp_service.core.errors import ServiceError
from otp_service.sinch import VerificationStatus
from otp_service.verifications import ledger, settling
from otp_service.verifications.ledger import Ticket
from otp_service.verifications.models import Verification
from otp_service.verifications.states import State

PRICES_ASKED_FOR = timedelta(days=2)
"""How long a missing price is asked for, ever more seldom: the provider names it with a delay, or never."""

_ENDED = (State.VERIFIED, State.FAILED, State.EXPIRED, State.SUPERSEDED)


@dataclass(slots=True)
class Swept:
    """How many verifications a sweep settled, closed and priced; `failed` ones are left for the next."""

    settled: int = 0
    closed: int = 0
    priced: int = 0
    failed: list[str] = field(default_factory=list)


def sweep(*, limit: int = 1_000) -> Swept:
    """Look at up to `limit` verifications of each kind, oldest first. Two sweeps at once do no harm."""
    now, swept = clock.now(), Swept()
    is_lost = (Verification.state == State.RESERVED) & (Verification.created_at <= now - settling.IN_FLIGHT)
    is_old = (Verification.state == State.SENT) & (Verification.expires_at <= now)
    is_unpriced = Verification.price_amount.is_(None) & (Verification.created_at > now - PRICES_ASKED_FOR)
    is_due = Verification.price_due_at.is_(None) | (Verification.price_due_at <= now)
    _each(is_lost, limit, swept, lambda ticket: _settle(ticket, now, swept))
    _each(is_old, limit, swept, lambda ticket: _close(ticket, now, swept))
    lacks_price = Verification.state.in_(_ENDED) & is_unpriced & is_due
    _each(lacks_price, limit, swept, lambda ticket: _price(ticket, now, swept))
    return swept


def _each(condition: ColumnElement[bool], limit: int, swept: Swept, act: Callable[[Ticket], object]) -> None:
    for ticket in ledger.oldest_first(condition, limit=limit):
        try:
            act(ticket)
        except ServiceError as error:
            swept.failed.append(f"{ticket.id}: {error.detail}")


def _settle(ticket: Ticket, now: datetime, swept: Swept) -> None:
    swept.settled += settling.settle(ticket, now=now).state != State.RESERVED


def _close(ticket: Ticket, now: datetime, swept: Swept) -> None:
    """Its time is over, whatever the provider says: nobody can redeem it any more."""
    status = _price(ticket, now, swept)
    ended = State.SUPERSEDED if status is VerificationStatus.ABORTED else State.EXPIRED
    swept.closed += ledger.move(ticket.id, (State.SENT,), ended, settled_at=now)


def _price(ticket: Ticket, now: datetime, swept: Swept) -> VerificationStatus | None:
    """Write down the price if the provider names it; what it says of the verification, None if it does not know it.

    By our reference: what was started may be billed although its answer, and so the provider's id, never came.
    """
    status = settling.ask(ticket)
    if status is None or status.price is None:
        ledger.put_price_off(ticket, now=now)
    else:
        ledger.set_price(ticket.id, status.price)
        swept.priced += 1
    return status.status if status else None
