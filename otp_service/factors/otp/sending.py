"""Sends a code: reserve, commit, call the provider, record."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert

from otp_service import audit, sinch
from otp_service.core import clock
from otp_service.core.database import execute, transaction
from otp_service.core.settings import settings
from otp_service.core.tracing import ClientInfo
from otp_service.factors.otp import budget, destinations, guesses, ledger, settling
from otp_service.factors.otp.budget import Spending
from otp_service.factors.otp.errors import OtpCooldown, from_provider
from otp_service.factors.otp.ledger import Ticket
from otp_service.factors.otp.models import Verification
from otp_service.factors.otp.states import Purpose, State
from otp_service.sinch import Channel

ANSWER_WITHIN_SECONDS = 7


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a code, and what for. With `challenge_id` the code works for the holder of that challenge.

    `is_anonymous`: the caller only named a person whose phone is proven already, and has a part of that person's sends.
    """

    user_id: int
    phone_number: str
    purpose: Purpose
    locale: str | None = None
    challenge_id: uuid.UUID | None = None
    is_anonymous: bool = False

    def spending(self, ip: str) -> Spending:
        """What a send to them uses up."""
        return Spending(self.user_id, self.phone_number, ip, is_anonymous=self.is_anonymous)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A code that is on its way; times in seconds."""

    channel: Channel
    phone_number: str
    expires_in: int
    resend_after: int


def send(recipient: Recipient, *, channel: Channel | None, client: ClientInfo) -> Delivery:
    """Have the provider deliver a code.

    Raises DestinationNotAllowed, AuthenticatorDisabled, OtpCooldown, OtpSendLimit before anything is sent, and
    NumberUnreachable, ProviderRefused, ProviderUnavailable after which nothing is spent.
    """
    now = clock.now()
    via = channel or Channel(settings().sinch_method)
    country = destinations.check(recipient.phone_number, via).country
    with sinch.get_client().within(ANSWER_WITHIN_SECONDS):
        ticket = _reserve_or_settle(recipient, via, country, client, now)
        _deliver(ticket, recipient.locale)
    return Delivery(via, recipient.phone_number, settings().otp_ttl_seconds, settings().otp_cooldown_seconds)


def _reserve_or_settle(recipient: Recipient, via: Channel, country: str, client: ClientInfo, now: datetime) -> Ticket:
    """Reserve; when a send that died holds the cooldown, find out what became of it and try once more."""
    try:
        return _reserve(recipient, via, country, client, now)
    except OtpCooldown:
        is_stale = (Verification.state == State.RESERVED) & (Verification.created_at <= now - settling.IN_FLIGHT)
        lost = ledger.newest_first(recipient.user_id, is_stale)
        if not [ticket for ticket in lost if settling.settle(ticket, now=now).state == State.UNDELIVERED]:
            raise
    return _reserve(recipient, via, country, client, now)


def _reserve(recipient: Recipient, via: Channel, country: str, client: ClientInfo, now: datetime) -> Ticket:
    verification_id = uuid.uuid4()
    with transaction():
        guesses.refuse_disabled(recipient.user_id, is_anonymous=recipient.is_anonymous)
        budget.take(recipient.spending(client.ip), now=now)
        execute(
            insert(Verification).values(
                id=verification_id,
                user_id=recipient.user_id,
                challenge_id=recipient.challenge_id,
                purpose=recipient.purpose,
                channel=via,
                phone_number=recipient.phone_number,
                country=country,
                ip=client.ip,
                is_anonymous=recipient.is_anonymous,
                state=State.RESERVED,
                attempts=0,
                created_at=now,
                expires_at=now + timedelta(seconds=settings().otp_ttl_seconds),
            )
        )
        audit.record("otp.requested", user_id=recipient.user_id, client=client, at=now, channel=via, country=country)
        return ledger.get(verification_id)


def _deliver(ticket: Ticket, locale: str | None) -> None:
    """Call the provider and record what is known afterwards; an answer that got lost is asked for, not doubled."""
    client = sinch.get_client()
    try:
        receipt = client.start(ticket.phone_number, ticket.via(), reference=ticket.reference, locale=locale)
        now = clock.now()
        ledger.mark_sent(ticket, receipt.id, sent_at=now, now=now)
    except sinch.SinchError as error:
        is_lost = error.is_outcome_unknown or isinstance(error, sinch.DuplicateReference)
        if is_lost and _was_started(ticket):
            return
        if is_lost:  # it may still arrive: leave it open for the next check, but make nobody wait
            with transaction():
                budget.give_back_cooldown(ticket.user_id, taken_at=ticket.created_at)
        else:
            ledger.mark_undelivered(ticket, now=clock.now())
        raise from_provider(error) from error


def _was_started(ticket: Ticket) -> bool:
    try:
        status = sinch.get_client().find_started(ticket.reference)
    except sinch.SinchError:
        return False
    if status is None or status.status is not sinch.VerificationStatus.PENDING:
        return False
    now = clock.now()
    ledger.mark_sent(ticket, status.id, sent_at=now, now=now)
    return True
