"""Asks the provider how a verification stands, and reports codes to it. No other module does (ADR 4, 39).

A row stores its provider. Where the code is ours, no provider is asked: the code is compared here, and the outcome of a
start whose response was lost stays unknown until the code is typed, or its time is over.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from otp_service import providers
from otp_service.core.calls.errors import CallError
from otp_service.core.calls.guards import share_deadline
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import ServiceError
from otp_service.core.services import services
from otp_service.providers import Comparison, Price, Provider, VerificationStatus
from otp_service.verifications import limits, own_codes, records
from otp_service.verifications.errors import from_provider
from otp_service.verifications.records import Snapshot
from otp_service.verifications.registry import kind_of
from otp_service.verifications.states import State, ended_as

IN_FLIGHT = timedelta(seconds=10)
"""How long a start may still be on its way: the client's deadline and a margin."""

REQUEST_SECONDS = 7
"""How long all calls to providers for one request may take together."""

NOT_IN_USE = "its provider is no longer in use"


class Standing(Enum):
    """How a verification stands at the provider."""

    ACCEPTED = "a code was right"
    PENDING = "it takes codes"
    ENDED = "it takes no more codes"
    ABSENT = "the provider has no such verification"
    UNKNOWN = "the provider did not say"
    UNASKED = "there is no provider to ask: the code is ours, or its provider is no longer in use"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of asking. `state` is set for ENDED: where ours ends. `status` is the provider's own response."""

    standing: Standing
    state: State | None = None
    status: providers.Standing | None = None
    error: CallError | None = None


class Verdict(Enum):
    """What became of a code that was reported."""

    RIGHT = "it was accepted"
    WRONG = "it was rejected"
    OVER = "the verification takes no more codes"
    LOST = "the provider may have looked at it"
    UNSEEN = "the provider never looked at it"


@dataclass(frozen=True, slots=True)
class Reported:
    """A verdict, and the error of the call that gave none."""

    verdict: Verdict
    provider: str
    cause: CallError | None = None

    def as_error(self) -> ServiceError:
        """Return the error that the caller sees where the provider gave no verdict."""
        if self.cause is None:
            raise ValueError("the provider gave a verdict")
        return from_provider(self.cause, provider=self.provider)


_LIVE = {VerificationStatus.SUCCESSFUL: Standing.ACCEPTED, VerificationStatus.PENDING: Standing.PENDING}
_VERDICTS = {
    Comparison.RIGHT: Verdict.RIGHT,
    Comparison.WRONG: Verdict.WRONG,
    Comparison.OVER: Verdict.OVER,
}


def within_request() -> AbstractContextManager[None]:
    """Let all calls in the block end in REQUEST_SECONDS together."""
    return share_deadline(REQUEST_SECONDS)


def get(name: str) -> Provider:
    """Return a provider in use. Raises KeyError."""
    return services().providers[name]


def is_in_use(verification: Snapshot) -> bool:
    """Return whether codes for a verification can be checked: what was sent before a change of OTP_PROVIDERS may not.

    A code of ours needs no provider.
    """
    return verification.code_hash is not None or verification.provider in services().providers


def find_standing(verification: Snapshot) -> Finding:
    """Ask the provider. It may not say: then the standing is UNKNOWN.

    By our reference: it exists before the call to start, and so also when the response with the provider's id was lost.
    """
    if verification.code_hash is not None or not is_in_use(verification):
        return Finding(Standing.UNASKED)
    expected_id = verification.opened_provider_id() if verification.provider_id else None
    try:
        found = get(verification.provider).find_standing(verification.reference, provider_id=expected_id)
    except CallError as error:
        return Finding(Standing.UNKNOWN, error=error)
    if found is None:
        return Finding(Standing.ABSENT)
    state = ended_as(found.status, origin=State(verification.state))
    return Finding(_LIVE.get(found.status, Standing.ENDED), state, found)


def get_standing(verification: Snapshot) -> Finding:
    """Ask the provider, which must say. Raises ProviderUnavailable, ProviderRefused."""
    finding = find_standing(verification)
    if finding.error is not None:
        raise from_provider(finding.error, provider=verification.provider) from finding.error
    return finding


def report(verification: Snapshot, code: str) -> Reported:
    """Have a code compared: by the provider, or here if the code is ours."""
    name = verification.provider
    if verification.code_hash is not None:
        is_right = own_codes.is_right(code, verification.code_hash, verification.id)
        return Reported(Verdict.RIGHT if is_right else Verdict.WRONG, name)
    try:
        compared = get(name).compare(verification.opened_provider_id(), verification.via(), code)
    except CallError as error:
        return Reported(Verdict.LOST if error.is_outcome_unknown else Verdict.UNSEEN, name, error)
    return Reported(_VERDICTS[compared], name)


def usual_price(verification: Snapshot) -> Price | None:
    """Return what the message costs if its provider names no price, neither now nor later; None if that is unknown."""
    found = services().providers.get(verification.provider)
    if found is None or kind_of(verification.provider).names_prices:
        return None
    return found.expected_price(verification.country, verification.via())


def note_arrival(verification: Snapshot, *, now: datetime) -> None:
    """Record that a message was sent whose outcome was unknown: its code, which is ours, was typed (ADR 39)."""
    price, sent_at = usual_price(verification), verification.created_at
    records.mark_sent(verification, verification.reference, sent_at=sent_at, now=now, price=price)


def settle(verification: Snapshot, *, now: datetime) -> Snapshot:
    """Record what became of a send that a crash or a lost response left reserved; return it as it stands now.

    Raises ProviderUnavailable, ProviderRefused.
    """
    finding = get_standing(verification)
    if finding.standing is Standing.UNASKED:
        _settle_unasked(verification, now)
    elif finding.standing is Standing.ABSENT:
        # Before that the start may still be on its way to the provider, and its code must work (ADR 4).
        if now - verification.created_at >= IN_FLIGHT:
            records.mark_undelivered(verification, failure="the start never reached the provider", now=now)
    elif finding.state is State.UNDELIVERED and finding.status is not None:
        records.mark_undelivered(verification, failure=finding.status.summary, now=now)
    elif finding.state is not None:
        records.end(verification, State.RESERVED, finding.state, now=now)
    elif finding.status is not None:
        # Accepted counts as sent: only a request that reported the code may be granted it (ADR 14).
        records.mark_sent(verification, finding.status.id, sent_at=verification.created_at, now=now)
    return records.get(verification.id)


def _settle_unasked(verification: Snapshot, now: datetime) -> None:
    """Let the person ask again. The message may have arrived: while its code can be compared, it must work (ADR 39)."""
    is_over = verification.expires_at <= now or not is_in_use(verification)
    with transaction():
        # The note is written once, and so the wait is given back once.
        failure = "the outcome of the start is unknown" if is_in_use(verification) else NOT_IN_USE
        is_due = now - verification.created_at >= IN_FLIGHT or not is_in_use(verification)
        if is_due and records.note_first_failure(verification.id, failure):
            limits.give_back_cooldown(verification.spending(), taken_at=verification.created_at)
        if is_over:
            records.end(verification, State(verification.state), State.EXPIRED, now=now)
