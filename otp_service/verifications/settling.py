"""Finds out what became of a send whose end was never recorded: the provider knows it by our reference."""

from datetime import datetime, timedelta

from otp_service import sinch
from otp_service.sinch import Status, VerificationStatus
from otp_service.verifications import ledger
from otp_service.verifications.errors import from_provider
from otp_service.verifications.ledger import Ticket
from otp_service.verifications.states import State

IN_FLIGHT = timedelta(seconds=10)
"""How long a start may still be under way: the client's deadline and a margin."""

_ENDED = {VerificationStatus.ABORTED: State.SUPERSEDED, VerificationStatus.FAIL: State.EXPIRED}


def settle(ticket: Ticket, *, now: datetime) -> Ticket:
    """The verification after the provider was asked about it. Raises ProviderUnavailable, ProviderRefused."""
    status = ask(ticket)
    if status is not None:
        _record(ticket, status, now)
    elif now - ticket.created_at >= IN_FLIGHT:
        ledger.mark_undelivered(ticket, now=now)
    return ledger.get(ticket.id)


def ask(ticket: Ticket) -> Status | None:
    """What the provider says of it, by our reference; None when it never saw it.

    Raises ProviderUnavailable, ProviderRefused.
    """
    try:
        return sinch.get_client().find_started(ticket.reference)
    except sinch.SinchError as error:
        raise from_provider(error) from error


def _record(ticket: Ticket, status: Status, now: datetime) -> None:
    if status.status in {VerificationStatus.PENDING, VerificationStatus.SUCCESSFUL}:
        ledger.mark_sent(ticket, status.id, sent_at=ticket.created_at, now=now)
    elif status.status in _ENDED:
        ledger.move(ticket.id, (State.RESERVED,), _ENDED[status.status], settled_at=now)
    else:
        ledger.mark_undelivered(ticket, now=now)
