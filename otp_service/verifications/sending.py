"""Sends a code: reserve, commit, call the provider, record."""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from otp_service import audit, sinch
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import ServiceError
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.sinch import Channel
from otp_service.verifications import budget, fallback, guesses, ledger, settling, texts
from otp_service.verifications.budget import Spending
from otp_service.verifications.errors import OtpCooldown, from_provider
from otp_service.verifications.fallback import StartFailed, Way
from otp_service.verifications.ledger import Ticket
from otp_service.verifications.models import Verification
from otp_service.verifications.settings import DeliverySettings
from otp_service.verifications.states import TO_A_STRANGERS_NUMBER, Purpose, State

log = logging.getLogger(__name__)
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
        has_part = self.is_anonymous or self.purpose in TO_A_STRANGERS_NUMBER
        return Spending(self.user_id, self.phone_number, ip, is_anonymous=has_part)


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
    try:
        return _send(recipient, channel or settings().of(DeliverySettings).channel, client)
    except ServiceError as refused:  # a login succeeds nevertheless, and would say nothing
        log.info("otp.not_sent", extra={"userId": recipient.user_id, "ip": client.ip, "code": refused.code})
        raise


def _send(recipient: Recipient, via: Channel, client: ClientInfo) -> Delivery:
    now = clock.now()
    ways = fallback.ways(recipient.phone_number, via)
    with sinch.get_client().within(ANSWER_WITHIN_SECONDS):
        ticket = _reserve_or_settle(recipient, ways[0], client, now)
        return _deliver(ticket, ways[1:], recipient.locale, client)


def _reserve_or_settle(recipient: Recipient, way: Way, client: ClientInfo, now: datetime) -> Ticket:
    """Reserve; when a send that died holds the cooldown, find out what became of it and try once more."""
    try:
        return _reserve(recipient, way, client, now)
    except OtpCooldown:
        is_stale = (Verification.state == State.RESERVED) & (Verification.created_at <= now - settling.IN_FLIGHT)
        lost = ledger.newest_first(recipient.user_id, is_stale)
        if not [ticket for ticket in lost if settling.settle(ticket, now=now).state == State.UNDELIVERED]:
            raise
    return _reserve(recipient, way, client, now)


def _reserve(recipient: Recipient, way: Way, client: ClientInfo, now: datetime) -> Ticket:
    with transaction():
        guesses.refuse_disabled(recipient.user_id, is_anonymous=recipient.is_anonymous)
        budget.take(recipient.spending(client.ip), now=now)
        ticket = ledger.reserve(
            id=uuid.uuid4(),
            user_id=recipient.user_id,
            challenge_id=recipient.challenge_id,
            purpose=recipient.purpose,
            channel=way.channel,
            phone_number=recipient.phone_number,
            country=way.country,
            ip=client.ip,
            is_anonymous=recipient.is_anonymous,
            created_at=now,
            expires_at=now + timedelta(seconds=settings().codes.ttl_seconds),
        )
        facts = {"channel": way.channel, "country": way.country}
        audit.record("otp.requested", user_id=recipient.user_id, client=client, at=now, **facts)
        return ticket


def _deliver(ticket: Ticket, others: Sequence[Way], locale: str | None, client: ClientInfo) -> Delivery:
    """Start it; when that surely came to nothing, what it took goes to the next way: one request, one message."""
    try:
        seconds = _start(ticket, locale)
    except StartFailed as failure:
        successor = fallback.hand_on(ticket, others, failure, client=client, now=clock.now())
        if successor is None:
            _release(ticket, failure)
            raise from_provider(failure.error) from failure.error
    else:
        return Delivery(ticket.via(), ticket.phone_number, seconds, settings().codes.cooldown_seconds)
    return _deliver(successor.ticket, successor.others, locale, client)


def _start(ticket: Ticket, locale: str | None) -> int:
    """Call the provider and record what is known afterwards; an answer that got lost is asked for, not doubled.

    Returns the seconds that the code lives. Raises StartFailed.
    """
    ttl = settings().codes.ttl_seconds
    template = texts.sms_template(locale) if ticket.via() is Channel.SMS else None
    try:
        receipt = sinch.get_client().start(
            ticket.phone_number, ticket.via(), reference=ticket.reference, locale=locale, template=template
        )
    except sinch.SinchError as error:
        if not (error.is_outcome_unknown or isinstance(error, sinch.DuplicateReference)):
            raise fallback.refused(error) from error
        _find_out(ticket, error)
        return ttl
    if ticket.via() is Channel.FLASHCALL and receipt.code_lifetime_seconds is not None:
        ttl = min(ttl, receipt.code_lifetime_seconds)  # the provider does not wait longer for the number that rang
    now = clock.now()
    ledger.mark_sent(ticket, receipt.id, sent_at=now, now=now, ttl_seconds=ttl)
    return ttl


def _find_out(ticket: Ticket, error: sinch.SinchError) -> None:
    """Returns if it was started. Raises StartFailed."""
    try:
        found = sinch.get_client().find_started(ticket.reference)
    except sinch.SinchError:
        raise fallback.lost(error, None, was_told=False) from error
    if found is None or found.status is not sinch.VerificationStatus.PENDING:
        raise fallback.lost(error, found, was_told=True) from error
    now = clock.now()
    ledger.mark_sent(ticket, found.id, sent_at=now, now=now)


def _release(ticket: Ticket, failure: StartFailed) -> None:
    """Give back what it took. What may still arrive is left open for the next check, but nobody has to wait for it."""
    if failure.is_certain:
        ledger.mark_undelivered(ticket, now=clock.now())
        return
    with transaction():
        budget.give_back_cooldown(ticket.user_id, taken_at=ticket.created_at)
