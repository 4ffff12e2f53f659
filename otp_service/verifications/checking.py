"""Checks a code: count it, commit, report it to the provider, record. A proof is spent in a transaction of its own.

A code of ours is compared here in place of the report, also while the outcome of its start is unknown (ADR 39).

| the provider        | and                                                             | then                         |
|---------------------|-----------------------------------------------------------------|------------------------------|
| accepts the code    |                                                                 | proof                        |
| rejects the code    | its response was lost before, it accepted one, no other is open | proof                        |
| rejects the code    |                                                                 | counted as wrong             |
| takes no more codes | its response was lost before, it accepted one, no other is open | proof                        |
| takes no more codes | another verification replaced this one                          | given back; try an older one |
| takes no more codes |                                                                 | counted as wrong; it ends    |
| gives no response   | it accepted one, no other is open                               | proof                        |
| gives no response   |                                                                 | 503, the outcome stays open  |
| never looked at it  |                                                                 | given back; 502 or 503       |
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select

from otp_service import fraud
from otp_service.core import clock
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.providers import Channel
from otp_service.verifications import attempts, owners, provider, records
from otp_service.verifications.attempts import Attempt, Try
from otp_service.verifications.errors import OtpInvalid, TooManyAttempts, nothing_compared
from otp_service.verifications.models import Verification
from otp_service.verifications.owners import Owner
from otp_service.verifications.provider import Finding, Standing, Verdict
from otp_service.verifications.records import Snapshot
from otp_service.verifications.states import ATTEMPTS_PER_CODE, VERIFY_THE_PHONE, Asker, AttemptOutcome, Purpose, State

_MAY_TAKE_CODES = Verification.state.in_((State.RESERVED, State.SENT, State.FAILED))


@dataclass(frozen=True, slots=True)
class Proof:
    """A code that the provider accepted. It grants access only when it is spent, once."""

    attempt: Attempt
    phone_number: str
    channel: Channel
    purpose: Purpose

    @property
    def verification_id(self) -> uuid.UUID:
        """The verification that the code belongs to."""
        return self.attempt.verification_id


class _MayBeOlder(Exception):
    """The code may belong to an older verification: this one was dropped for another, or its message never arrived."""

    def __init__(self, refusal: OtpInvalid | TooManyAttempts) -> None:
        self.refusal = refusal


def prove(  # noqa: PLR0913 - a code, who tries it, and what it may be for
    owner: Owner,
    *,
    code: str,
    purpose: Purpose,
    client: ClientInfo,
    bound_to: uuid.UUID | None = None,
    also: uuid.UUID | None = None,
    asker: Asker = Asker.HOLDER,
) -> Proof:
    """Check a code against the owner's live ones for this purpose, and for `bound_to` if it is given.

    With `bound_to`, the verification that `also` names counts too (see `find_on_its_way`).
    A code for a sign-in verifies the phone as well. A right code whose response was lost may be tried again.
    Raises OtpInvalid, TooManyAttempts, ProviderUnavailable, ProviderRefused, and what Owner.take_try raises.
    """
    now, tried = clock.now(), Try(owner, code, asker, client)
    refusal: OtpInvalid | TooManyAttempts = nothing_compared()
    with provider.within_request():
        live = _live(owner.name, purpose, now) if bound_to is None else _bound(owner.name, purpose, now, bound_to, also)
        # Those whose channel fits the code first: a late SMS still works while a flash call is newer (ADR 14).
        for verification in sorted(live, key=lambda verification: not _may_belong_to(verification, code)):
            try:
                return _evaluate(_settled(verification, now), tried, now)
            except _MayBeOlder as older:
                # Most telling: the tries are used up. Least: it was compared with none.
                is_vague = isinstance(refusal, OtpInvalid) and not refusal.was_compared
                refusal = older.refusal if is_vague or isinstance(older.refusal, TooManyAttempts) else refusal
                continue
            except OtpInvalid:
                _record_refused(tried, now)
                raise
    if isinstance(refusal, OtpInvalid):
        _record_refused(tried, now)
    raise refusal


def _settled(verification: Snapshot, now: datetime) -> Snapshot:
    """Ask what became of a lost send: a process may have died after the provider sent the code (ADR 4).

    What nothing can compare any more, since its provider is no longer in use, ends here (ADR 39).
    """
    is_lost = verification.state == State.RESERVED and verification.code_hash is None
    is_left_behind = verification.state == State.SENT and not provider.is_in_use(verification)
    return provider.settle(verification, now=now) if is_lost or is_left_behind else verification


def spend(proof: Proof, *, now: datetime) -> None:
    """Use a proof up, in the open transaction of what it is for. Raises OtpInvalid if it was spent or superseded."""
    with transaction():
        # Of all requests that hold a proof of one code, this update lets one pass (ADR 4).
        if not records.move(proof.verification_id, State.SENT, State.VERIFIED, now=now):
            raise OtpInvalid
        attempts.set_outcome(proof.attempt, AttemptOutcome.RIGHT)
        fraud.note(proof.verification_id, fraud.Outcome.VERIFIED, at=now)


def find_on_its_way(owner: str, *, now: datetime) -> Snapshot | None:
    """Return the owner's newest code that verifies the phone and can still be entered.

    The holder of a new challenge who has to wait for a code of their own may use it (ADR 29).
    """
    live = _live(owner, Purpose.PHONE_VERIFICATION, now)
    return next((one for one in live if one.state != State.FAILED and one.attempts < ATTEMPTS_PER_CODE), None)


def _live(owner: str, purpose: Purpose, now: datetime) -> list[Snapshot]:
    """Return them newest first. A failed one is among them, since it still raises TooManyAttempts."""
    purposes = VERIFY_THE_PHONE if purpose is Purpose.PHONE_VERIFICATION else (purpose,)
    return records.read(*_for_purposes(owner, purposes, now))


def _bound(owner: str, purpose: Purpose, now: datetime, bound_to: uuid.UUID, also: uuid.UUID | None) -> list[Snapshot]:
    return records.read(*_bound_to(owner, purpose, now, bound_to, also))


@prepared
def _for_purposes(owner: Given, purposes: Given, now: Given) -> Select[Any]:
    is_fitting = Verification.purpose.in_(purposes) & (Verification.expires_at > now)
    return records.of_owner(owner).where(_MAY_TAKE_CODES, is_fitting)


@prepared
def _bound_to(owner: Given, purpose: Given, now: Given, bound_to: Given, also: Given) -> Select[Any]:
    is_bound = (Verification.purpose == purpose) & (Verification.bound_to == bound_to)
    is_named = (Verification.id == also) & Verification.purpose.in_(VERIFY_THE_PHONE)
    return records.of_owner(owner).where(_MAY_TAKE_CODES, Verification.expires_at > now, is_bound | is_named)


def _may_belong_to(verification: Snapshot, code: str) -> bool:
    """Return whether the code has the shape of the channel: the number that rang for a flash call, else digits."""
    return code.startswith("+") == (verification.via() is Channel.FLASHCALL)


def _evaluate(verification: Snapshot, tried: Try, now: datetime) -> Proof:
    """Return the proof of a right code. Raises OtpInvalid, _MayBeOlder, and what `prove` raises."""
    if verification.state == State.RESERVED and verification.code_hash is not None:
        return _evaluate_unsettled(verification, tried, now)
    if verification.state not in {State.SENT, State.FAILED}:
        raise _MayBeOlder(nothing_compared())
    return _compare(verification, tried, now)


def _evaluate_unsettled(verification: Snapshot, tried: Try, now: datetime) -> Proof:
    """Compare a code of ours although the outcome of its start is unknown. The right one shows that it arrived.

    Until then an older code still works, as it does while a newer one is on its way (ADR 4, 39).
    """
    try:
        proof = _compare(verification, tried, now)
    except (OtpInvalid, TooManyAttempts) as refusal:
        raise _MayBeOlder(refusal) from refusal
    provider.note_arrival(verification, now=now)
    return proof


def _compare(verification: Snapshot, tried: Try, now: datetime) -> Proof:
    attempt = attempts.count(verification, tried, now=now)
    if not _may_belong_to(verification, tried.code):
        # Counted as wrong and not reported: the provider could only reject it (ADR 14).
        attempts.record_wrong(attempt, now=now)
        raise OtpInvalid
    proof = Proof(attempt, verification.phone_number, verification.via(), Purpose(verification.purpose))
    reported = provider.report(verification, tried.code)
    match reported.verdict:
        case Verdict.RIGHT:
            return proof
        case Verdict.WRONG:
            _accept_or_record_wrong(verification, attempt, now)
        case Verdict.OVER:
            _accept_or_end(verification, attempt, now)
        case Verdict.LOST:
            # Otherwise the outcome stays open: the same code, tried again, is no further guess (ADR 4).
            if not _was_accepted(provider.find_standing(verification), attempt):
                raise reported.as_error() from reported.cause
        case Verdict.UNSEEN:
            # An outage must not use up the tries of the person who holds the right code (ADR 4).
            attempts.uncount(attempt)
            raise reported.as_error() from reported.cause
    return proof


def _accept_or_record_wrong(verification: Snapshot, attempt: Attempt, now: datetime) -> None:
    """Return if the provider had accepted this very code before: it rejects a second report. Else raise OtpInvalid."""
    is_shared = attempts.is_shared(attempt)
    if not (attempt.was_known or is_shared):
        attempts.record_wrong(attempt, now=now)
        raise OtpInvalid
    finding = provider.find_standing(verification)
    if attempt.was_known and _was_accepted(finding, attempt):
        return
    # Still pending after the rejection: the provider compared the code. Else a twin of this request may have ended the
    # verification with the same code, which was then right (ADR 4).
    is_verdict = not is_shared or finding.standing is Standing.PENDING
    attempts.record_wrong(attempt, now=now, is_verdict=is_verdict)
    raise OtpInvalid


def _accept_or_end(verification: Snapshot, attempt: Attempt, now: datetime) -> None:
    """Return if this very code ended the verification before. Else raise OtpInvalid or _MayBeOlder."""
    finding = provider.get_standing(verification)
    is_accepted = finding.standing is Standing.ACCEPTED
    if attempt.was_known and _was_accepted(finding, attempt):
        return
    if finding.state is State.SUPERSEDED:
        # The provider drops a verification when another one for the number starts. The code may belong to that one.
        attempts.uncount(attempt)
        records.move(verification.id, State.SENT, State.SUPERSEDED, now=now)
        raise _MayBeOlder(nothing_compared())
    # A code that was known may have been accepted with its response lost: its outcome stays open (ADR 4).
    if not attempt.was_known:
        attempts.record_wrong(attempt, now=now, is_verdict=not is_accepted)
    if not is_accepted:
        records.end(verification, State.SENT, _end_of(finding), now=now)
    raise OtpInvalid


def _end_of(finding: Finding) -> State:
    """Return where a verification ends that takes no more codes."""
    if finding.standing is Standing.ABSENT:
        return State.EXPIRED  # the provider forgets verifications some time after their end
    return finding.state or State.FAILED


def _was_accepted(finding: Finding, attempt: Attempt) -> bool:
    """Return whether the provider accepted a code whose response was lost, and it can only be this one (ADR 4)."""
    return finding.standing is Standing.ACCEPTED and attempts.is_only_unknown(attempt)


def _record_refused(tried: Try, now: datetime) -> None:
    with transaction():
        owners.record("otp.refused", tried.owner.name, client=tried.client, at=now)
