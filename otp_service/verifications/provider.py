"""Asks the provider how a verification stands, and reports codes to it. No other module does (ADR 4)."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from otp_service import sinch
from otp_service.core.calls.errors import CallError
from otp_service.core.errors import ServiceError
from otp_service.sinch import Status, VerificationStatus
from otp_service.verifications import records
from otp_service.verifications.errors import from_provider
from otp_service.verifications.records import Snapshot
from otp_service.verifications.states import State, ended_as

IN_FLIGHT = timedelta(seconds=10)
"""How long a start may still be on its way: the client's deadline and a margin."""

REQUEST_SECONDS = 7
"""How long all calls to the provider for one request may take together."""


class Standing(Enum):
    """How a verification stands at the provider."""

    ACCEPTED = "a code was right"
    PENDING = "it takes codes"
    ENDED = "it takes no more codes"
    ABSENT = "the provider has no such verification"
    UNKNOWN = "the provider did not say"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of asking. `state` is set for ENDED: where ours ends. `status` is the provider's own response."""

    standing: Standing
    state: State | None = None
    status: Status | None = None
    error: CallError | None = None


class Verdict(Enum):
    """What became of a code that was reported."""

    RIGHT = "the provider accepted it"
    WRONG = "the provider rejected it"
    OVER = "the verification takes no more codes"
    LOST = "the provider may have looked at it"
    UNSEEN = "the provider never looked at it"


@dataclass(frozen=True, slots=True)
class Reported:
    """A verdict, and the provider's error that it was read from."""

    verdict: Verdict
    cause: CallError | None = None

    def as_error(self) -> ServiceError:
        """Return the error that the caller sees where the provider gave no verdict."""
        if self.cause is None:
            raise ValueError("the provider gave a verdict")
        return from_provider(self.cause)


_LIVE = {VerificationStatus.SUCCESSFUL: Standing.ACCEPTED, VerificationStatus.PENDING: Standing.PENDING}


def within_request() -> AbstractContextManager[None]:
    """Let all calls in the block end in REQUEST_SECONDS together."""
    return sinch.get_client().within(REQUEST_SECONDS)


def find_standing(verification: Snapshot) -> Finding:
    """Ask the provider. It may not say: then the standing is UNKNOWN.

    By our reference: it exists before the call to start, and so also when the response with the provider's id was lost.
    """
    expected_id = verification.opened_provider_id() if verification.provider_id else None
    try:
        status = sinch.get_client().find_started(verification.reference, expected_id=expected_id)
    except CallError as error:
        return Finding(Standing.UNKNOWN, error=error)
    if status is None:
        return Finding(Standing.ABSENT)
    state = ended_as(status.status, origin=State(verification.state))
    return Finding(_LIVE.get(status.status, Standing.ENDED), state, status)


def get_standing(verification: Snapshot) -> Finding:
    """Ask the provider, which must say. Raises ProviderUnavailable, ProviderRefused."""
    finding = find_standing(verification)
    if finding.error is not None:
        raise from_provider(finding.error) from finding.error
    return finding


def report(verification: Snapshot, code: str) -> Reported:
    """Have the provider compare a code."""
    try:
        # By the provider's id: a report by number could reach another verification of the same number.
        sinch.get_client().report(verification.opened_provider_id(), verification.via(), code)
    except sinch.CodeRejected as error:
        return Reported(Verdict.WRONG, error)
    except (sinch.VerificationExpired, sinch.VerificationFailed, sinch.VerificationNotFound) as error:
        return Reported(Verdict.OVER, error)
    except CallError as error:
        return Reported(Verdict.LOST if error.is_outcome_unknown else Verdict.UNSEEN, error)
    return Reported(Verdict.RIGHT)


def settle(verification: Snapshot, *, now: datetime) -> Snapshot:
    """Record what became of a send that a crash or a lost response left reserved; return it as it stands now.

    Raises ProviderUnavailable, ProviderRefused.
    """
    finding = get_standing(verification)
    if finding.standing is Standing.ABSENT:
        # Before that the start may still be on its way to the provider, and its code must work (ADR 4).
        if now - verification.created_at >= IN_FLIGHT:
            records.mark_undelivered(verification, failure="the start never reached the provider", now=now)
    elif finding.state is State.UNDELIVERED and finding.status is not None:
        records.mark_undelivered(verification, failure=finding.status.summary, now=now)
    elif finding.state is not None:
        records.move(verification.id, State.RESERVED, finding.state, now=now)
    elif finding.status is not None:
        # Accepted counts as sent: only a request that reported the code may be granted it (ADR 14).
        records.mark_sent(verification, finding.status.id, sent_at=verification.created_at, now=now)
    return records.get(verification.id)
