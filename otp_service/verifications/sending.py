"""Sends a code: reserve, commit, call the provider, record; by another channel if the first one failed (ADR 4, 14)."""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from otp_service import sinch
from otp_service.core import clock, phone
from otp_service.core.calls.errors import CallError
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import ServiceError
from otp_service.core.phone import NumberKind, PhoneNumber
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.sinch import Channel, VerificationStatus
from otp_service.verifications import limits, owners, provider, records
from otp_service.verifications.errors import DestinationNotAllowed, OtpCooldown, from_provider
from otp_service.verifications.limits import Spending
from otp_service.verifications.models import Verification
from otp_service.verifications.owners import Owner
from otp_service.verifications.provider import Finding, Standing
from otp_service.verifications.records import Snapshot
from otp_service.verifications.settings import DeliverySettings, sms_template
from otp_service.verifications.states import Asker, Purpose, State

CHANNELS = tuple(Channel)
NO_ROUTE = 42201
"""Sinch's code for a number that this channel does not reach."""

_REACHED_BY = {NumberKind.MOBILE: set(CHANNELS), NumberKind.FIXED: {Channel.CALLOUT}, NumberKind.REFUSED: set()}
"""A flash call is verified with the number on the telephone's display; many fixed telephones have none."""

_FROM_SINCH_ITSELF = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
"""502 and 504 come from a gateway: the server behind it may still be at work."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Along:
    """What is written in the transaction of the reservation, and whether that was committed: it saves one (ADR 16)."""

    write: Callable[[], object]
    is_committed: bool = False

    def ensure(self) -> None:
        """Write it in a transaction of its own, if none was committed with it."""
        if not self.is_committed:
            with transaction():
                self.write()
            self.is_committed = True


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a code, where, and what for. With `bound_to` it works for that challenge or session alone."""

    owner: Owner
    phone_number: str
    purpose: Purpose
    locale: str | None = None
    bound_to: uuid.UUID | None = None
    asker: Asker = Asker.HOLDER
    along: Along | None = None

    def spending(self, ip: str) -> Spending:
        """Return what a send to them uses up."""
        return Spending(self.owner.name, self.phone_number, ip, self.purpose, self.asker, self.bound_to)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A code that is on its way; times in seconds."""

    verification_id: uuid.UUID
    channel: Channel
    phone_number: str
    expires_in: int
    resend_after: int


@dataclass(frozen=True, slots=True)
class Destination:
    """A number's country, and the channels that reach it in the order in which they are tried."""

    country: str
    channels: tuple[Channel, ...]


class StartFailed(Exception):
    """No message left, as far as is known. `is_certain`: none will. `is_curable`: another channel may work."""

    def __init__(self, error: CallError, *, is_certain: bool, is_curable: bool) -> None:
        super().__init__(error.detail)
        self.error = error
        self.is_certain = is_certain
        self.is_curable = is_curable


def check_destination(e164: str, channel: Channel) -> PhoneNumber:
    """Return the number if codes may go there; the number alone decides. Raises DestinationNotAllowed.

    Premium-rate, shared-cost, toll-free and satellite numbers are refused: each message pays someone. So are internet
    (VoIP) numbers, pagers and numbers that are forwarded: they show no possession of a phone. Fixed lines are only
    called. `SMS_COUNTRIES` limits the rest.
    """
    number = phone.parse(e164)
    if number is not None and number.kind is NumberKind.REFUSED:
        reason = f"Codes cannot be sent to this phone number: it is {number.refused_as}."
        raise DestinationNotAllowed(f"{reason} Provide a mobile or fixed-line number.")
    if number is None or channel not in _REACHED_BY[number.kind]:
        raise DestinationNotAllowed(f"Codes cannot be sent to this phone number via {channel}.")
    allowed = settings().codes.sms_countries
    if allowed and number.country not in allowed:
        raise DestinationNotAllowed("Codes are not sent to this country.")
    return number


def channels_to(e164: str) -> tuple[Channel, ...]:
    """Return the channels by which codes may go to a number; empty if none may."""
    return tuple(channel for channel in CHANNELS if _refusal(e164, channel) is None)


def find_refusal(e164: str) -> DestinationNotAllowed | None:
    """Return why codes may go to a number by no channel; None if one may."""
    # A call reaches the most kinds of numbers: what refuses it refuses every channel.
    return _refusal(e164, Channel.CALLOUT)


def _refusal(e164: str, channel: Channel) -> DestinationNotAllowed | None:
    try:
        check_destination(e164, channel)
    except DestinationNotAllowed as refusal:
        return refusal
    return None


def find_destination(e164: str, first: Channel) -> Destination:
    """Return the channels to a number: `first` and the configured fallbacks, as far as they reach its kind.

    Raises DestinationNotAllowed when none does.
    """
    country, reaching, refusals = "", [], []
    for channel in dict.fromkeys((first, *settings().of(DeliverySettings).fallbacks)):
        try:
            country = check_destination(e164, channel).country
            reaching.append(channel)
        except DestinationNotAllowed as error:
            refusals.append(error)
    if not reaching:
        raise refusals[0]
    return Destination(country, tuple(reaching))


def send(recipient: Recipient, *, channel: Channel | None, client: ClientInfo) -> Delivery:
    """Have the provider send a code.

    Raises DestinationNotAllowed, OtpCooldown, OtpSendLimit and what Owner.hold_for_send raises before a message is
    sent. Raises NumberUnreachable, ProviderRefused and ProviderUnavailable, and gives back what it took, or
    only the cooldown if a message may still arrive.
    """
    try:
        return _send(recipient, channel or settings().of(DeliverySettings).channel, client)
    except ServiceError as refused:  # logged here, since a login succeeds nevertheless
        user_id = owners.find_user_id(recipient.owner.name)
        log.info("otp.not_sent", extra={"userId": user_id, "ip": client.ip, "code": refused.code})
        raise


def _send(recipient: Recipient, via: Channel, client: ClientInfo) -> Delivery:
    now = clock.now()
    destination = find_destination(recipient.phone_number, via)
    with provider.within_request():
        verification = _reserve_or_settle(recipient, destination, client, now)
        if recipient.along is not None:
            recipient.along.is_committed = True
        return _start_or_fall_back(verification, destination.channels[1:], recipient, client)


def _reserve_or_settle(recipient: Recipient, destination: Destination, client: ClientInfo, now: datetime) -> Snapshot:
    """Reserve. If a send that a crash left reserved holds the cooldown, settle it and try once more."""
    try:
        return _reserve(recipient, destination, client, now)
    except OtpCooldown:
        is_stale = (Verification.state == State.RESERVED) & (Verification.created_at <= now - provider.IN_FLIGHT)
        # A crash must not make the person wait for a message that never left (ADR 4).
        lost = records.read(records.of_owner(recipient.owner.name).where(is_stale))
        settled = [provider.settle(verification, now=now) for verification in lost]
        if not any(verification.state == State.UNDELIVERED for verification in settled):
            raise
    return _reserve(recipient, destination, client, now)


def _reserve(recipient: Recipient, destination: Destination, client: ClientInfo, now: datetime) -> Snapshot:
    """Take what the send uses up and add the verification, in one transaction that ends before the provider is called.

    After a crash, the next check, send or sweep that finds the reservation asks the provider by its id (ADR 4).
    """
    with transaction():
        recipient.owner.hold_for_send(recipient.asker)
        if recipient.along is not None:
            recipient.along.write()
        limits.take_send(recipient.spending(client.ip), now=now)
        verification = records.reserve(
            id=uuid.uuid4(),
            owner=recipient.owner.name,
            bound_to=recipient.bound_to,
            purpose=recipient.purpose,
            channel=destination.channels[0],
            phone_number=recipient.phone_number,
            country=destination.country,
            ip=client.ip,
            asker=recipient.asker,
            created_at=now,
            expires_at=now + timedelta(seconds=settings().codes.ttl_seconds),
        )
        facts = {"channel": verification.channel, "country": destination.country}
        owners.record("otp.requested", verification.owner, client=client, at=now, **facts)
        return verification


def _start_or_fall_back(
    verification: Snapshot, others: Sequence[Channel], recipient: Recipient, client: ClientInfo
) -> Delivery:
    """Start it. If no message left, the next channel gets what it took: one request, at most one message (ADR 14)."""
    try:
        seconds = _start(verification, recipient.locale)
    except StartFailed as failure:
        successor = None
        if failure.is_curable and others:
            successor = _hand_on(verification, others[0], failure.error.summary, recipient, client)
        if successor is None:
            _release(verification, failure)
            raise from_provider(failure.error) from failure.error
    else:
        cooldown = settings().codes.cooldown_seconds
        return Delivery(verification.id, verification.via(), verification.phone_number, seconds, cooldown)
    return _start_or_fall_back(successor, others[1:], recipient, client)


def _start(verification: Snapshot, locale: str | None) -> int:
    """Call the provider and record the result. If the response is lost, ask for it; starting again could send twice.

    Returns the seconds that the code is valid. Raises StartFailed.
    """
    ttl = settings().codes.ttl_seconds
    template = sms_template(locale) if verification.via() is Channel.SMS else None
    try:
        receipt = sinch.get_client().start(
            verification.phone_number,
            verification.via(),
            reference=verification.reference,
            locale=locale,
            template=template,
        )
    except CallError as error:
        # A duplicate reference means that an earlier try of this very start got through.
        if not (error.is_outcome_unknown or isinstance(error, sinch.DuplicateReference)):
            # That the provider is away, busy or out of credit, or bars the number, holds for every channel.
            raise StartFailed(error, is_certain=True, is_curable=error.error_code == NO_ROUTE) from error
        _find_out(verification, error)
        return ttl
    if verification.via() is Channel.FLASHCALL and receipt.code_lifetime_seconds is not None:
        ttl = min(ttl, receipt.code_lifetime_seconds)  # the provider does not wait longer for the number that rang
    now = clock.now()
    records.mark_sent(verification, receipt.id, sent_at=now, now=now, ttl_seconds=ttl)
    return ttl


def _find_out(verification: Snapshot, error: CallError) -> None:
    """Return if the provider started it although its response was lost. Raises StartFailed."""
    finding = provider.find_standing(verification)
    if finding.standing is not Standing.PENDING or finding.status is None:
        raise _lost(error, finding) from error
    now = clock.now()
    records.mark_sent(verification, finding.status.id, sent_at=now, now=now)


def _lost(error: CallError, finding: Finding) -> StartFailed:
    """Return what is known about a start without a usable response, after the provider was asked.

    After a time-out the message may still leave, so another channel could send a second one. It cannot if the provider
    reported its own failure (its error code in a status of its own) and does not know the reference either (ADR 14).
    """
    if finding.status is not None:
        is_certain = finding.state is State.UNDELIVERED
        is_curable = finding.status.status is VerificationStatus.ERROR
        return StartFailed(error, is_certain=is_certain, is_curable=is_curable)
    has_failed = error.http_status in _FROM_SINCH_ITSELF and error.error_code is not None
    return StartFailed(error, is_certain=False, is_curable=has_failed and finding.standing is Standing.ABSENT)


def _hand_on(
    verification: Snapshot, channel: Channel, failure: str, recipient: Recipient, client: ClientInfo
) -> Snapshot | None:
    """Put a verification by another channel in place of one that failed; None if another request settled that one."""
    now, owner = clock.now(), recipient.owner
    with transaction():
        # First: else an owner who is deleted now would leave the new verification behind (ADR 19).
        successor = records.hand_on(verification, channel, failure=failure, now=now) if owner.hold() else None
        if successor is not None:
            facts = {"channel": channel, "instead_of": verification.channel}
            owners.record("otp.channel_changed", verification.owner, client=client, at=now, **facts)
    return successor


def _release(verification: Snapshot, failure: StartFailed) -> None:
    """Give back what it took; only the wait if a message may still arrive, since its code must work (ADR 4)."""
    if failure.is_certain:
        records.mark_undelivered(verification, failure=failure.error.summary, now=clock.now())
        return
    with transaction():
        records.note_failure(verification.id, failure.error.summary)
        limits.give_back_cooldown(verification.spending(), taken_at=verification.created_at)
