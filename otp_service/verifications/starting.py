"""Has a reserved message sent; if it surely was not, by the next step: another provider or channel (ADR 4, 14, 39)."""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from otp_service import spending
from otp_service.core import clock
from otp_service.core.calls.errors import CallError
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.providers import Channel, Message, VerificationStatus
from otp_service.verifications import limits, own_codes, owners, provider, records, registry
from otp_service.verifications.destinations import Step
from otp_service.verifications.errors import from_provider
from otp_service.verifications.owners import Owner
from otp_service.verifications.provider import Finding, Standing
from otp_service.verifications.records import Snapshot
from otp_service.verifications.settings import template_of
from otp_service.verifications.states import State

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is about to be sent: the id of its row, its step, and the code if it is ours."""

    id: uuid.UUID
    step: Step
    code: str | None = field(repr=False)

    @classmethod
    def of(cls, step: Step, *, id: uuid.UUID | None = None) -> "Draft":
        """Draw an id if none is given, and a code for a provider that makes none."""
        code = None if registry.kind_of(step.provider).makes_codes else own_codes.draw()
        return cls(id or uuid.uuid4(), step, code)

    def values(self) -> dict[str, object]:
        """Return what the row of this message alone has."""
        return {
            "id": self.id,
            "provider": self.step.provider,
            "channel": self.step.channel.value,
            "code_hash": None if self.code is None else own_codes.hash_of(self.code, self.id),
        }


@dataclass(frozen=True, slots=True)
class Started:
    """A message that is on its way, the seconds that its code is valid, and until when that is."""

    verification: Snapshot
    expires_in: int
    expires_at: datetime


class Cure(Enum):
    """Which step may still send after one has failed."""

    NONE = "the message may be on its way"
    ANY = "another channel, or another provider"
    OTHER_PROVIDER = "what failed holds for every channel of this provider"


class StartFailed(Exception):
    """No message left, as far as is known. `is_certain`: none will."""

    def __init__(self, error: CallError, *, is_certain: bool, cure: Cure) -> None:
        super().__init__(error.detail)
        self.error = error
        self.is_certain = is_certain
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Sender:
    """The owner that messages are sent for, their language, and what they may cost the owner's app a day, in units."""

    owner: Owner
    locale: str | None
    client: ClientInfo
    spend_per_day: int | None = None


def start_or_fall_back(verification: Snapshot, draft: Draft, others: Sequence[Step], sender: Sender) -> Started:
    """Start it. If no message left, the next step gets what it took: one request, at most one message (ADR 14).

    Raises NumberUnreachable, ProviderRefused, ProviderUnavailable.
    """
    try:
        return Started(verification, *_start(verification, draft, sender.locale))
    except StartFailed as failure:
        left = _steps_left(others, draft.step, failure.cure)
        following = Draft.of(left[0]) if left else None
        successor = _hand_on(verification, following, failure.error.summary, sender) if following else None
        if following is None or successor is None:
            _release(verification, failure)
            left_nothing = not failure.is_certain and failure.cure is not Cure.NONE
            raise from_provider(
                failure.error, provider=verification.provider, left_nothing=left_nothing
            ) from failure.error
    return start_or_fall_back(successor, following, left[1:], sender)


def _steps_left(others: Sequence[Step], failed: Step, cure: Cure) -> Sequence[Step]:
    if cure is Cure.NONE:
        return ()
    return [step for step in others if cure is Cure.ANY or step.provider != failed.provider]


def _start(verification: Snapshot, draft: Draft, locale: str | None) -> tuple[int, datetime]:
    """Call the provider and record the result. If the response is lost, ask for it; starting again could send twice.

    Returns the seconds that the code is valid, and until when that is. Raises StartFailed.
    """
    ttl = verification.ttl_seconds
    client = provider.get(draft.step.provider)
    message = Message(
        reference=verification.reference,
        number=verification.phone_number,
        country=verification.country,
        channel=draft.step.channel,
        locale=locale,
        template=template_of(draft.step.channel, locale, is_ours=draft.code is not None),
        code=draft.code,
        ttl_seconds=ttl,
    )
    try:
        started = client.start(message)
    except CallError as error:
        if not error.is_outcome_unknown:
            # That the provider is away, busy or out of credit, or bars the number, holds for all its channels.
            cure = Cure.ANY if client.is_of_channel(error) else Cure.OTHER_PROVIDER
            raise StartFailed(error, is_certain=True, cure=cure) from error
        return ttl, _find_out(verification, error)
    if draft.step.channel is Channel.FLASHCALL and started.code_lifetime_seconds is not None:
        ttl = min(ttl, started.code_lifetime_seconds)  # the provider does not wait longer for the number that rang
    now = clock.now()
    return ttl, records.mark_sent(verification, started.id, sent_at=now, now=now, ttl_seconds=ttl, price=started.price)


def _find_out(verification: Snapshot, error: CallError) -> datetime:
    """Return when the code expires, if the provider started it although its response was lost. Raises StartFailed."""
    finding = provider.find_standing(verification)
    if finding.standing is not Standing.PENDING or finding.status is None:
        raise _lost(verification, error, finding) from error
    now = clock.now()
    return records.mark_sent(verification, finding.status.id, sent_at=now, now=now)


def _lost(verification: Snapshot, error: CallError, finding: Finding) -> StartFailed:
    """Return what is known about a start without a usable response, after the provider was asked.

    After a time-out the message may still leave, so another step could send a second one. It cannot if the provider
    reported its own failure (its error code in a status of its own) and does not know the reference either (ADR 14).
    """
    if finding.status is not None:
        is_certain = finding.state is State.UNDELIVERED
        has_failed = finding.status.status is VerificationStatus.ERROR
        return StartFailed(error, is_certain=is_certain, cure=Cure.ANY if has_failed else Cure.NONE)
    has_failed = finding.standing is Standing.ABSENT and provider.get(verification.provider).is_own_failure(error)
    return StartFailed(error, is_certain=False, cure=Cure.ANY if has_failed else Cure.NONE)


def _hand_on(verification: Snapshot, draft: Draft, failure: str, sender: Sender) -> Snapshot | None:
    """Put the next message in place of one that failed; None if another request settled that one, or a cap forbids it.

    The next one may cost more: the difference is reserved like the price of a message (ADR 45).
    """
    now, step = clock.now(), draft.step
    price = spending.expected_units(step.provider, step.channel, verification.country)
    passed: list[spending.Passed] = []
    try:
        with transaction():
            # First: else an owner who is deleted now would leave the new verification behind (ADR 19).
            successor = None
            if sender.owner.hold():
                own = {**draft.values(), "spend_units": price}
                successor = records.hand_on(verification, own, failure=failure, now=now)
            if successor is not None:
                _record_hand_on(verification, successor, sender.client, now)
                charge, per_day = successor.charge(), sender.spend_per_day
                passed = spending.hand_over(charge, instead_of=verification.charge(), app_per_day=per_day, now=now)
    except (spending.SpendCapReached, spending.AppSpendLimit) as refused:
        log.warning("otp.not_handed_on", extra={"provider": step.provider, "code": refused.code})
        return None
    spending.warn(passed, day=verification.charge().day, now=now)
    return successor


def _record_hand_on(verification: Snapshot, successor: Snapshot, client: ClientInfo, now: datetime) -> None:
    is_other = successor.channel != verification.channel
    event = "otp.channel_changed" if is_other else "otp.provider_changed"
    before = verification.channel if is_other else verification.provider
    facts = {"verificationId": successor.reference, "channel": successor.channel, "provider": successor.provider}
    owners.record(event, verification.owner, client=client, at=now, **facts, insteadOf=before)


def _release(verification: Snapshot, failure: StartFailed) -> None:
    """Give back what it took; only the wait if a message may still arrive, since its code must work (ADR 4)."""
    if failure.is_certain:
        records.mark_undelivered(verification, failure=failure.error.summary, now=clock.now())
        return
    with transaction():
        records.note_failure(verification.id, failure.error.summary)
        limits.give_back_cooldown(verification.spending(), taken_at=verification.created_at)
