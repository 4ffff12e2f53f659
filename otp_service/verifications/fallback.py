"""Which channel stands in for which, and when: only where the first one surely brought nothing to the phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from otp_service import audit, sinch
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.sinch import Channel, Status, VerificationStatus
from otp_service.verifications import destinations, ledger
from otp_service.verifications.errors import DestinationNotAllowed
from otp_service.verifications.ledger import Ticket
from otp_service.verifications.settings import DeliverySettings

NO_ROUTE = 42201
"""Sinch's code for a number that this channel does not reach."""

_ITS_OWN = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
"""502 and 504 are a gateway's: what stands behind it may still be at work."""


@dataclass(frozen=True, slots=True)
class Way:
    """A channel that reaches a number, and the number's country."""

    channel: Channel
    country: str


@dataclass(frozen=True, slots=True)
class Successor:
    """The verification that stands in for one that failed, and the ways that are left after it."""

    ticket: Ticket
    others: Sequence[Way]


class StartFailed(Exception):
    """No message left, as far as is known. `is_certain`: none will either. `is_curable`: another channel may do."""

    def __init__(self, error: sinch.SinchError, *, is_certain: bool, is_curable: bool) -> None:
        super().__init__(error.detail)
        self.error = error
        self.is_certain = is_certain
        self.is_curable = is_curable


def ways(e164: str, first: Channel) -> list[Way]:
    """`first` and the configured fallbacks, without those that do not reach this kind of number.

    Raises DestinationNotAllowed when none is left.
    """
    found, refusal = [], None
    for channel in dict.fromkeys((first, *settings().of(DeliverySettings).fallbacks)):
        try:
            found.append(Way(channel, destinations.check(e164, channel).country))
        except DestinationNotAllowed as error:
            refusal = refusal or error
    if not found and refusal is not None:
        raise refusal
    return found


def refused(error: sinch.SinchError) -> StartFailed:
    """The provider refused a start, or never saw it.

    That it is away, busy or out of credit, or bars the number, holds for every channel; no route is one channel's.
    """
    return StartFailed(error, is_certain=True, is_curable=error.error_code == NO_ROUTE)


def lost(error: sinch.SinchError, found: Status | None, *, was_told: bool) -> StartFailed:
    """A start without a usable answer, about which the provider was asked; `was_told` when it answered that.

    Its own word that it failed (its error code in a status of its own) leaves nothing in flight; if it does not know
    the reference either, another channel cannot lead to a second message. After a time-out it could.
    """
    if found is not None:
        is_certain = found.status in {VerificationStatus.DENIED, VerificationStatus.ERROR}
        return StartFailed(error, is_certain=is_certain, is_curable=found.status is VerificationStatus.ERROR)
    has_said_so = error.http_status in _ITS_OWN and error.error_code is not None
    return StartFailed(error, is_certain=False, is_curable=was_told and has_said_so)


def hand_on(
    ticket: Ticket, others: Sequence[Way], failure: StartFailed, *, client: ClientInfo, now: datetime
) -> Successor | None:
    """Another verification in place of one that failed, by the next way; None when there is none or it cannot help."""
    if not others or not failure.is_curable:
        return None
    way = others[0]
    with transaction():
        successor = ledger.hand_on(ticket, way.channel, now=now)
        if successor is None:
            return None
        facts = {"channel": way.channel, "instead_of": ticket.channel}
        audit.record("otp.channel_changed", user_id=ticket.user_id, client=client, at=now, **facts)
    return Successor(successor, others[1:])
