"""Starts a verification for a backend and sends further messages: by the engine that sends codes to people (ADR 31)."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from otp_service import spending, verifications
from otp_service.backends.app_keys import AppCaller
from otp_service.backends.verifications import records
from otp_service.backends.verifications.errors import VerificationEnded
from otp_service.backends.verifications.models import ATTEMPTS, Status
from otp_service.backends.verifications.records import OPEN, Row, Shown
from otp_service.backends.verifications.repeats import Claim
from otp_service.core import clock
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.providers import Channel
from otp_service.verifications import Along, Asker, Delivery, Purpose, Recipient, bound, limits
from otp_service.verifications.errors import ProviderUnavailable, TooManyAttempts
from otp_service.verifications.settings import DeliverySettings
from otp_service.verifications.states import State


@dataclass(frozen=True, slots=True)
class AppOwner:
    """An app as the owner of the codes to one number, for one of its verifications. See verifications.Owner."""

    app_id: int
    name: str
    verification_id: uuid.UUID
    is_new: bool = False

    def hold(self) -> bool:
        """Keep the verification as it is until the open transaction ends; return False if it is gone or over."""
        return records.hold(self.verification_id)

    def hold_for_send(self, asker: Asker) -> None:  # noqa: ARG002 - the same for all
        """Hold the verification. Raises VerificationNotFound, VerificationEnded."""
        # A new one is added in this very transaction, and keeps its app by the foreign key.
        if self.is_new or self.hold():
            return
        row = records.get(self.app_id, self.verification_id)
        raise VerificationEnded(records.look_at(row, now=clock.now()).status)

    def take_try(self, asker: Asker, *, client: ClientInfo, now: datetime) -> None:  # noqa: ARG002
        """Count a code over all messages, and for its number, in the open transaction. Raises TooManyAttempts."""
        if not records.take_attempt(self.verification_id):
            raise TooManyAttempts(retry_after_seconds=limits.seconds_until_next(self.name, now=now))
        limits.take_number_try(self.name, now=now)

    def give_back_try(self, asker: Asker, *, ip: str, taken_at: datetime) -> None:  # noqa: ARG002
        """Undo one `take_try`, in the open transaction."""
        records.give_back_attempt(self.verification_id)
        limits.give_back_number_try(self.name, taken_at=taken_at)

    def tries_per_code(self, asker: Asker) -> int:  # noqa: ARG002
        """Return how many codes may be tried on one message."""
        return ATTEMPTS


@dataclass(frozen=True, slots=True)
class Start:
    """What a backend asks for. `client_ip` is its user's address, if it names one."""

    phone_number: str
    channel: Channel | None = None
    locale: str | None = None
    reference: str | None = None
    client_ip: str | None = None
    expires_in: int | None = None


def start(app: AppCaller, wanted: Start, *, client: ClientInfo, claim: Claim) -> Shown:
    """Send a code to a number. `client` is the backend.

    Raises DestinationNotAllowed, OtpCooldown, OtpSendLimit, AppSendLimit, SpendCapReached, AppSpendLimit,
    NumberUnreachable, ProviderRefused, ProviderUnavailable.
    """
    known = records.find(app.id, claim.id) if claim.is_repeated else None
    if known is not None:
        return _find_sent(known, since=None) or _send(app, known, Channel(known.channel), client=client)
    now = clock.now()
    row = _row(app, wanted, claim.id, now)
    along = Along(lambda: _add(row))
    return _send(app, row, Channel(row.channel), client=client, along=along)


def resend(
    app: AppCaller, verification_id: uuid.UUID, *, channel: Channel | None, client: ClientInfo, claim: Claim
) -> Shown:
    """Send another code for a verification, by its channel or by another one. The one before it no longer works.

    Raises VerificationNotFound, VerificationEnded, and what `start` raises.
    """
    row = records.get(app.id, verification_id)
    is_known = claim.is_repeated and bound.is_known(claim.id)
    if is_known and (sent := _find_sent(row, since=claim.id)):
        return sent
    shown = records.look_at(row, now=clock.now())
    if shown.status not in OPEN:
        raise VerificationEnded(shown.status)
    if shown.is_past_resends:
        raise VerificationEnded(Status.EXPIRED)
    via, message_id = channel or Channel(row.channel), None if is_known else claim.id
    return _send(app, row, via, client=client, message_id=message_id)


def _find_sent(row: Row, *, since: uuid.UUID | None) -> Shown | None:
    """Return what came of a request that was broken off; None if no message left: of all, or `since` its first one.

    Raises ProviderUnavailable, also while that is not known.
    """
    now = clock.now()
    shown = Shown(row, bound.settle(row.owner, row.id, now=now, since=since), now)
    if shown.message is not None and shown.message.state == State.UNDELIVERED:
        return None
    wait = bound.seconds_until_settled(shown.message, now=now) if shown.message else 0
    if wait > 0:
        # It may still be on its way to the provider: another one could be a second message for one request (ADR 4).
        raise ProviderUnavailable(retry_after_seconds=wait)
    return shown


def _row(app: AppCaller, wanted: Start, verification_id: uuid.UUID, now: datetime) -> Row:
    return Row(
        id=verification_id,
        app_id=app.id,
        owner=verifications.owner_of_app(app.name, wanted.phone_number),
        phone_number=wanted.phone_number,
        channel=wanted.channel or settings().of(DeliverySettings).channel,
        locale=wanted.locale,
        reference=wanted.reference,
        client_ip=wanted.client_ip or "",
        ttl_seconds=wanted.expires_in or settings().codes.ttl_seconds,
        attempts=0,
        created_at=now,
        approved_at=None,
        approved_by=None,
        cancelled_at=None,
    )


def _add(row: Row) -> None:
    records.add(row)
    # To a backend, a start without a response sent no message. If one did leave, its code must work (ADR 31).
    bound.adopt_lost(row.owner, row.id, row.reference)


def _send(
    app: AppCaller,
    row: Row,
    channel: Channel,
    *,
    client: ClientInfo,
    along: Along | None = None,
    message_id: uuid.UUID | None = None,
) -> Shown:
    recipient = Recipient(
        AppOwner(app.id, row.owner, row.id, is_new=along is not None),
        row.phone_number,
        Purpose.PHONE_VERIFICATION,
        locale=row.locale,
        bound_to=row.id,
        asker=Asker.BACKEND,
        along=along,
        verification_id=message_id,
        label=row.reference,
        ttl_seconds=row.ttl_seconds,
        sends_per_day=app.sends_per_day,
        spend_per_day=None if app.spend_per_day is None else spending.units_of(app.spend_per_day),
    )
    # The user's address takes the place of the backend's. Without it no limit by address applies: it would stop all of
    # the backend's users at once (ADR 31).
    user = ClientInfo(ip=row.client_ip, agent=client.agent, request_id=client.request_id)
    delivery = verifications.send(recipient, channel=channel, client=user)
    return _shown(row, delivery)


def _shown(row: Row, delivery: Delivery) -> Shown:
    """Return the verification right after a send, without asking the database for it."""
    at = delivery.requested_at  # so that all of the wait is ahead, as for people
    message = bound.Message(delivery.verification_id, row.id, delivery.channel, State.SENT, at, delivery.expires_at)
    return Shown(row, message, at)
