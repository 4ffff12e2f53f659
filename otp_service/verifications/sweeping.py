"""Ends what no request came back for: sends that a crash interrupted, codes past their time, prices that came late."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement

from otp_service.core import clock
from otp_service.core.errors import ServiceError
from otp_service.core.services import services
from otp_service.providers import VerificationStatus
from otp_service.verifications import provider, receipts, records
from otp_service.verifications.models import Verification
from otp_service.verifications.provider import Finding, Standing
from otp_service.verifications.records import Snapshot
from otp_service.verifications.registry import kind_of
from otp_service.verifications.states import State

PRICES_ASKED_FOR = timedelta(days=2)
"""How long a missing price is asked for, at growing intervals: the provider names it with a delay, or never."""

_ENDED = (State.VERIFIED, State.FAILED, State.EXPIRED, State.SUPERSEDED)


@dataclass(slots=True)
class Swept:
    """How many verifications a sweep settled, closed and priced. `failed` ones are left for the next sweep."""

    settled: int = 0
    closed: int = 0
    priced: int = 0
    failed: list[str] = field(default_factory=list)


def sweep(*, limit: int = 1_000) -> Swept:
    """Look at up to `limit` verifications of each kind, oldest first. Two sweeps may run at once."""
    now, swept = clock.now(), Swept()
    is_lost = (Verification.state == State.RESERVED) & (Verification.created_at <= now - provider.IN_FLIGHT)
    is_old = (Verification.state == State.SENT) & (Verification.expires_at <= now)
    is_unpriced = Verification.price_amount.is_(None) & (Verification.created_at > now - PRICES_ASKED_FOR)
    is_due = Verification.price_due_at.is_(None) | (Verification.price_due_at <= now)
    is_known = Verification.provider.in_([name for name in services().providers if kind_of(name).names_prices])
    lacks_price = Verification.state.in_(_ENDED) & is_unpriced & is_due & is_known
    _each(is_lost, limit, swept, lambda verification: _settle(verification, now, swept))
    _each(is_old, limit, swept, lambda verification: _close(verification, now, swept))
    _each(lacks_price, limit, swept, lambda verification: _price(verification, now, swept))
    return swept


def _each(condition: ColumnElement[bool], limit: int, swept: Swept, act: Callable[[Snapshot], object]) -> None:
    for verification in records.oldest_first(condition, limit=limit):
        # No transaction is open here, and none is needed: each act is decided by a conditional update (ADR 4).
        try:
            act(verification)
        except ServiceError as error:
            swept.failed.append(f"{verification.id}: {error.detail}")


def _settle(verification: Snapshot, now: datetime, swept: Swept) -> None:
    swept.settled += provider.settle(verification, now=now).state != State.RESERVED


def _close(verification: Snapshot, now: datetime, swept: Swept) -> None:
    """End a code past its time. Whatever else the provider says, no request can spend it any more."""
    finding = _price(verification, now, swept)
    ended = State.SUPERSEDED if finding.state is State.SUPERSEDED else State.EXPIRED
    swept.closed += records.end(verification, State.SENT, ended, now=now)


def _price(verification: Snapshot, now: datetime, swept: Swept) -> Finding:
    """Record the price if the provider names it. Return what it says.

    What was started may be billed although the response to the start was lost.
    """
    finding = provider.get_standing(verification)
    if finding.standing is Standing.UNASKED:
        return finding
    if finding.status is None or finding.status.price is None:
        if _has_left_nothing(verification, finding, now):
            receipts.give_money_back(verification.id)
        receipts.put_price_off(verification, now=now)
    else:
        receipts.set_price(verification.id, finding.status.price)
        swept.priced += 1
    return finding


def _has_left_nothing(verification: Snapshot, finding: Finding, now: datetime) -> bool:
    """Return whether no message left although it counts as sent: the provider denied or lost it, or never saw it."""
    if finding.standing is Standing.ABSENT:
        # What was once known there is forgotten some time after its end.
        return verification.provider_id is None and now - verification.created_at >= provider.IN_FLIGHT
    status = finding.status.status if finding.status else None
    return status in (VerificationStatus.DENIED, VerificationStatus.ERROR)
