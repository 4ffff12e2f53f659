"""Sends a code: reserve, commit, call the provider, record (ADR 4)."""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from otp_service import spending
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import ServiceError
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.fraud import Screening, Wanted
from otp_service.providers import Channel
from otp_service.verifications import limits, owners, provider, records
from otp_service.verifications.destinations import find_destination
from otp_service.verifications.errors import AnonymousSendLimit, DestinationNotAllowed, OtpCooldown
from otp_service.verifications.limits import Spending
from otp_service.verifications.models import Verification
from otp_service.verifications.owners import Owner
from otp_service.verifications.records import Snapshot
from otp_service.verifications.settings import DeliverySettings
from otp_service.verifications.starting import Draft, Sender, start_or_fall_back
from otp_service.verifications.states import Asker, Purpose, State, is_sign_in_of_verified

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Along:
    """What is written in the transaction of the reservation, and whether that was committed: it saves one (ADR 16).

    `facts` join the event of the send. Without a send, `record_alone` writes an event for them (ADR 44).
    """

    write: Callable[[], object]
    facts: Mapping[str, Any] = field(default_factory=dict)
    record_alone: Callable[[], object] = lambda: None
    is_committed: bool = False

    def ensure(self) -> None:
        """Write it in a transaction of its own, if none was committed with it."""
        if not self.is_committed:
            with transaction():
                self.write()
                self.record_alone()
            self.is_committed = True


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a code, where, and what for. With `bound_to` it works for that challenge or session alone.

    For a backend, `label` is its own name for the verification, `ttl_seconds` is how long the code is valid, and
    `sends_per_day` and `spend_per_day` (in units of the ledger) limit its app (ADR 31, 45).
    """

    owner: Owner
    phone_number: str
    purpose: Purpose
    locale: str | None = None
    bound_to: uuid.UUID | None = None
    asker: Asker = Asker.HOLDER
    along: Along | None = None
    verification_id: uuid.UUID | None = None
    """Given where the caller looks for it after a crash (see `find_started`)."""
    label: str | None = None
    ttl_seconds: int | None = None
    sends_per_day: int | None = None
    spend_per_day: int | None = None
    has_other_proof: bool = False
    """Who asks has shown more than the number: a challenge of the fraud guard lets the message pass (ADR 47)."""

    def spending(self, ip: str) -> Spending:
        """Return what a send to them uses up."""
        limit = self.sends_per_day
        return Spending(self.owner.name, self.phone_number, ip, self.purpose, self.asker, self.bound_to, limit)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A code that is on its way; `expires_in` and `resend_after` are in seconds."""

    verification_id: uuid.UUID
    channel: Channel
    phone_number: str
    expires_in: int
    expires_at: datetime
    requested_at: datetime
    resend_after: int


def send(recipient: Recipient, *, channel: Channel | None, client: ClientInfo) -> Delivery:
    """Have the provider send a code.

    Before a message is sent, raises DestinationNotAllowed, DestinationBlocked, OtpCooldown, OtpSendLimit,
    SpendCapReached, AppSpendLimit and what Owner.hold_for_send raises. Raises NumberUnreachable, ProviderRefused and
    ProviderUnavailable, and gives back what it took, or only the cooldown if a message may still arrive.
    """
    try:
        return _send(recipient, channel or settings().of(DeliverySettings).channel, client)
    except ServiceError as refused:  # logged here, since a login succeeds nevertheless
        user_id = owners.find_user_id(recipient.owner.name)
        # A warning where the operator may have to act: the ceiling is reached by an attack, or by too many sign-ups.
        level = logging.WARNING if isinstance(refused, AnonymousSendLimit) else logging.INFO
        log.log(level, "otp.not_sent", extra={"userId": user_id, "ip": client.ip, "code": refused.code})
        raise


def _send(recipient: Recipient, via: Channel, client: ClientInfo) -> Delivery:
    now = clock.now()
    destination = find_destination(recipient.phone_number, via)
    draft = Draft.of(destination.steps[0], id=recipient.verification_id)
    with provider.within_request():
        verification = _reserve_or_settle(recipient, draft, destination.country, client, now)
        if recipient.along is not None:
            recipient.along.is_committed = True
        sender = Sender(recipient.owner, recipient.locale, client, recipient.spend_per_day)
        started = start_or_fall_back(verification, draft, destination.steps[1:], sender)
    sent, cooldown = started.verification, settings().codes.cooldown_seconds
    times = (started.expires_in, started.expires_at, sent.created_at, cooldown)
    return Delivery(sent.id, sent.via(), sent.phone_number, *times)


def find_started(ids: Sequence[uuid.UUID]) -> uuid.UUID | None:
    """Return the verification, of those that earlier tries of one send may have made, whose message left or may have.

    Raises ProviderUnavailable, ProviderRefused.
    """
    now = clock.now()
    for verification in records.read(records.with_successors(ids)):
        is_open = verification.state == State.RESERVED
        standing = provider.settle(verification, now=now) if is_open else verification
        if standing.state != State.UNDELIVERED:
            return standing.id
    return None


def _reserve_or_settle(recipient: Recipient, draft: Draft, country: str, client: ClientInfo, now: datetime) -> Snapshot:
    """Reserve. If a send that a crash left reserved holds the cooldown, settle it and try once more."""
    try:
        return _reserve(recipient, draft, country, client, now)
    except OtpCooldown:
        is_stale = (Verification.state == State.RESERVED) & (Verification.created_at <= now - provider.IN_FLIGHT)
        # A crash must not make the person wait for a message that never left (ADR 4).
        lost = records.read(records.of_owner(recipient.owner.name).where(is_stale))
        if not lost:
            raise
        for verification in lost:
            provider.settle(verification, now=now)
    return _reserve(recipient, draft, country, client, now)


def _reserve(recipient: Recipient, draft: Draft, country: str, client: ClientInfo, now: datetime) -> Snapshot:
    """Take what the send uses up and add the verification, in one transaction that ends before the provider is called.

    After a crash, the next check, send or sweep that finds the reservation asks the provider by its id (ADR 4).
    """
    with Screening(_wanted(recipient, draft, country, client)) as screening, transaction():
        recipient.owner.hold_for_send(recipient.asker)
        if recipient.along is not None:
            recipient.along.write()
        if not screening.check(at=now):
            raise DestinationNotAllowed
        limits.take_send(recipient.spending(client.ip), now=now)
        verification = records.reserve(
            **draft.values(),
            owner=recipient.owner.name,
            bound_to=recipient.bound_to,
            label=recipient.label,
            purpose=recipient.purpose,
            phone_number=recipient.phone_number,
            country=country,
            ip=client.ip,
            asker=recipient.asker,
            created_at=now,
            expires_at=now + timedelta(seconds=recipient.ttl_seconds or settings().codes.ttl_seconds),
            spend_units=spending.expected_units(draft.step.provider, draft.step.channel, country),
        )
        screening.record(verification.id, at=now)
        more = {} if recipient.along is None else recipient.along.facts
        facts = {"verificationId": verification.reference, "channel": verification.channel, "country": country, **more}
        owners.record("otp.requested", verification.owner, client=client, at=now, **facts)
        # Last: every send writes these rows, so they are to be locked for the commit alone (ADR 45).
        passed = spending.reserve(verification.charge(), app_per_day=recipient.spend_per_day, now=now)
    spending.warn(passed, day=verification.charge().day, now=now)
    return verification


def _wanted(recipient: Recipient, draft: Draft, country: str, client: ClientInfo) -> Wanted:
    """Return what the fraud guard decides about."""
    step = draft.step
    price = spending.expected_price(step.provider, step.channel, country)
    has_other_proof = recipient.has_other_proof or client.has_captcha
    is_own_number = is_sign_in_of_verified(recipient.purpose, recipient.asker)
    return Wanted(recipient.phone_number, client.ip, step.channel, price, has_other_proof, is_own_number)
