"""Counts a code before it is compared, and records what came of that (ADR 4)."""

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, delete, exists, select, update
from sqlalchemy.orm import InstrumentedAttribute

from otp_service.core import clock
from otp_service.core.addresses import site_of
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, execute_later, fetch_all, fetch_one, transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.verifications import limits, owners, records
from otp_service.verifications.errors import OtpInvalid, TooManyAttempts, nothing_compared
from otp_service.verifications.models import Verification, VerificationAttempt
from otp_service.verifications.owners import Owner
from otp_service.verifications.records import Snapshot
from otp_service.verifications.states import ATTEMPTS_PER_CODE, Asker, AttemptOutcome, Outcome, State, origins_of

_add = prepared_insert(VerificationAttempt)
_TAKES_CODES = Verification.state.in_((State.SENT, State.RESERVED))
"""A reservation is looked at only if its code is ours: it can be compared while the outcome of the start is unknown."""


@dataclass(frozen=True, slots=True)
class Try:
    """A code, and who tries it.

    `taken`: as which askers its owner has counted it. Compared with several messages, it still is one try (ADR 39).
    """

    owner: Owner
    code: str = field(repr=False)
    asker: Asker
    client: ClientInfo
    taken: set[Asker] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A code that was counted. `was_known`: it was tried before and its outcome was never recorded.

    `is_owners`: the owner's count goes with this message, and not with another one on which the code was wrong.
    """

    verification_id: uuid.UUID
    tried: Try
    code_hash: str
    was_known: bool
    asker: Asker
    ip: str
    is_owners: bool


def count(verification: Snapshot, tried: Try, *, now: datetime) -> Attempt:
    """Count the code against the verification and its owner.

    Raises OtpInvalid, TooManyAttempts, and what Owner.take_try raises. A code that was tried before without a response
    is the same guess, and is not counted again. One that is known to be wrong is counted, and not reported again.
    """
    # Committed before the provider sees the code: parallel guesses, and tries whose process dies, count too (ADR 7).
    with transaction():
        # The owner before the verification, as in every transaction that locks both: this avoids a deadlock (ADR 4).
        if not tried.owner.hold():
            raise nothing_compared()  # deleted at this moment
        asker = _standing(verification, tried)
        if asker is Asker.HOLDER and execute(*_first(verification.id, now)).rowcount == 1:
            attempt = _attempt(verification, tried, _digests(verification.id, tried.code)[0])
            _insert(attempt, now)
            _take_try(attempt, now)
            return attempt
        records.lock(verification.id)
        code_hash, is_new = _hash(verification.id, tried.code)
        attempt = _attempt(verification, tried, code_hash)
        if is_new:
            _insert(attempt, now)
        elif _join(attempt):
            return replace(attempt, was_known=True)
        _count_on_code(verification, attempt, now)
        _take_try(attempt, now)
    if not is_new:
        # Known to be wrong: counted, so that trying it again is no way around the limit, and not reported (ADR 4).
        _close_if_used_up(verification.id, now)
        raise OtpInvalid
    return attempt


def _attempt(verification: Snapshot, tried: Try, code_hash: str) -> Attempt:
    asker = _standing(verification, tried)
    is_owners = asker not in tried.taken
    return Attempt(
        verification.id, tried, code_hash, was_known=False, asker=asker, ip=verification.ip, is_owners=is_owners
    )


def _take_try(attempt: Attempt, now: datetime) -> None:
    if attempt.is_owners:
        attempt.tried.owner.take_try(attempt.asker, client=attempt.tried.client, now=now)
        attempt.tried.taken.add(attempt.asker)


@prepared
def _first(verification_id: Given, now: Given) -> Update:
    """Count the first code of a verification: without a count there is no code that it could be the same as.

    The most frequent case, in one statement. Of parallel first codes, all but one find a count and go the long way.
    """
    is_untried = (Verification.attempts == 0) & (Verification.strangers_attempts == 0)
    is_open = _TAKES_CODES & (Verification.expires_at > now)
    return update(Verification).where(Verification.id == verification_id, is_open, is_untried).values(attempts=1)


def uncount(attempt: Attempt) -> None:
    """Undo `count`: the provider never looked at the code.

    If another request reports the same code, the guess stands and only this report is taken off.
    """
    is_open = _is(attempt) & (VerificationAttempt.outcome == AttemptOutcome.UNKNOWN)
    fewer = update(VerificationAttempt).values(open_reports=VerificationAttempt.open_reports - 1)
    with transaction():
        # The owner before the verification, as in `count`: a deletion of the owner takes the owner's tries first and
        # the verification afterwards, and would deadlock with the opposite order (ADR 19).
        attempt.tried.owner.hold()
        records.lock(attempt.verification_id)
        last = delete(VerificationAttempt).where(is_open, VerificationAttempt.open_reports == 1)
        counted = execute(last.returning(VerificationAttempt.asker)).first()
        if counted is None:
            execute(fewer.where(is_open))
        else:
            # Not at `now`: a request that joined the guess may have started before the one that counted it. And for
            # the asker that was counted, who may be another than this one (ADR 13).
            asker = Asker(counted.asker)
            count = _counts_of(asker)
            is_it = (Verification.id == attempt.verification_id) & (count > 0)
            execute(update(Verification).where(is_it).values({count: count - 1}))
            if attempt.is_owners:
                attempt.tried.owner.give_back_try(asker, ip=attempt.ip, taken_at=clock.now())
                attempt.tried.taken.discard(attempt.asker)


def record_wrong(attempt: Attempt, *, now: datetime, is_verdict: bool = True) -> None:
    """Record that the provider rejected the code; the fifth rejection ends the verification.

    With `is_verdict=False` the verification may have ended before the provider compared the code: another report of
    the same code may be what ended it, and its outcome stays open while that report is.
    """
    is_open = _is(attempt) & (VerificationAttempt.outcome == AttemptOutcome.UNKNOWN)
    wrong = update(VerificationAttempt).values(outcome=AttemptOutcome.WRONG)
    fewer = update(VerificationAttempt).values(open_reports=VerificationAttempt.open_reports - 1)
    with transaction():
        records.lock(attempt.verification_id)
        if is_verdict:
            execute(wrong.where(is_open))
        elif execute(wrong.where(is_open, VerificationAttempt.open_reports == 1)).rowcount == 0:
            execute(fewer.where(is_open))
        _close_if_used_up(attempt.verification_id, now)


def set_outcome(attempt: Attempt, outcome: AttemptOutcome) -> None:
    """Record what the provider said, in the open transaction."""
    execute_later(*_of_code(attempt.verification_id, attempt.code_hash, outcome=outcome))


@prepared
def _of_code(verification_id: Given, code_hash: Given) -> Update:
    is_same = VerificationAttempt.code_hash == code_hash
    return update(VerificationAttempt).where(VerificationAttempt.verification_id == verification_id, is_same)


def is_only_unknown(attempt: Attempt) -> bool:
    """Return whether no other code of the verification awaits a response: then a success is this code's (ADR 4)."""
    statement = select(VerificationAttempt.code_hash).where(
        VerificationAttempt.verification_id == attempt.verification_id,
        VerificationAttempt.outcome == AttemptOutcome.UNKNOWN,
    )
    return [row.code_hash for row in fetch_all(statement)] == [attempt.code_hash]


def is_shared(attempt: Attempt) -> bool:
    """Return whether another request reported, or is reporting, the same code without a known response."""
    row = fetch_one(select(VerificationAttempt.open_reports).where(_is(attempt)))
    return row is not None and row.open_reports > 1


def refusal(
    verification: Snapshot, *, now: datetime, asker: Asker = Asker.HOLDER, allowed: int = ATTEMPTS_PER_CODE
) -> OtpInvalid | TooManyAttempts:
    """Return the error that says why this verification takes no more codes, of this asker."""
    counts = _counts_of(asker)
    row = fetch_one(select(Verification.state, counts.label("tried")).where(Verification.id == verification.id))
    is_used_up = row is not None and row.state in {State.RESERVED, State.SENT, State.FAILED} and row.tried >= allowed
    if is_used_up and verification.expires_at > now:
        return TooManyAttempts(retry_after_seconds=limits.seconds_until_next(verification.owner, now=now))
    return nothing_compared()


def _standing(verification: Snapshot, tried: Try) -> Asker:
    """Tell who asked for the code from other callers by name: what they type must not use up its tries (ADR 13)."""
    if tried.asker is Asker.HOLDER:
        return Asker.HOLDER
    if site_of(tried.client.ip) != site_of(verification.ip):
        return Asker.BY_NAME
    return Asker.ASKED if tried.asker is Asker.BY_NAME else Asker.HOLDER


def _count_on_code(verification: Snapshot, attempt: Attempt, now: datetime) -> None:
    # One conditional update: of parallel guesses at most five are counted, and so at most five are reported (ADR 4).
    asker, allowed = attempt.asker, ATTEMPTS_PER_CODE
    if asker is Asker.HOLDER:
        counted = execute(*_one_more(verification.id, now)).rowcount
    else:
        count, allowed = _counts_of(asker), attempt.tried.owner.tries_per_code(asker)
        is_open = _TAKES_CODES & (Verification.expires_at > now) & (count < allowed)
        by_name = update(Verification).where(Verification.id == verification.id, is_open)
        counted = execute(by_name.values({count: count + 1})).rowcount
    if counted != 1:
        raise refusal(verification, now=now, asker=asker, allowed=allowed)


@prepared
def _one_more(verification_id: Given, now: Given) -> Update:
    takes_codes = _TAKES_CODES & (Verification.attempts < ATTEMPTS_PER_CODE)
    return (
        update(Verification)
        .where(Verification.id == verification_id, takes_codes, Verification.expires_at > now)
        .values(attempts=Verification.attempts + 1)
    )


def _counts_of(asker: Asker) -> InstrumentedAttribute[int]:
    return Verification.strangers_attempts if asker is Asker.BY_NAME else Verification.attempts


def _hash(verification_id: uuid.UUID, code: str) -> tuple[str, bool]:
    """Return the hash under which the code is stored, else its hash under the current key; and whether it is new."""
    hashes = _digests(verification_id, code)
    row = fetch_one(*_among(verification_id, hashes))
    return (str(row.code_hash), False) if row else (hashes[0], True)


def _digests(verification_id: uuid.UUID, code: str) -> tuple[str, ...]:
    return tuple(keyring().digests(f"{verification_id}:{code}", purpose="otp code"))


@prepared
def _among(verification_id: Given, hashes: Given) -> Select[Any]:
    is_same = (VerificationAttempt.verification_id == verification_id) & VerificationAttempt.code_hash.in_(hashes)
    return select(VerificationAttempt.code_hash).where(is_same)


def _insert(attempt: Attempt, now: datetime) -> None:
    execute_later(
        *_add(
            verification_id=attempt.verification_id,
            code_hash=attempt.code_hash,
            outcome=AttemptOutcome.UNKNOWN,
            asker=attempt.asker,
            tried_at=now,
        )
    )


def _join(attempt: Attempt) -> bool:
    """Report the same code once more, if its outcome is still unknown; return whether it is."""
    is_open = _is(attempt) & (VerificationAttempt.outcome == AttemptOutcome.UNKNOWN)
    more = update(VerificationAttempt).values(open_reports=VerificationAttempt.open_reports + 1)
    return execute(more.where(is_open)).rowcount == 1


def close(verification_id: uuid.UUID, *, now: datetime, at_attempts: int = 0) -> None:
    """End a verification as failed, once so many codes were tried on it, unless the outcome of one of them is open."""
    # Not while the outcome of another code is open: that code may be the right one, and must then work (ADR 4).
    has_open = exists().where(
        VerificationAttempt.verification_id == verification_id,
        VerificationAttempt.outcome == AttemptOutcome.UNKNOWN,
    )
    is_used_up = (Verification.id == verification_id) & (Verification.attempts >= at_attempts)
    is_closed = is_used_up & Verification.state.in_(origins_of(State.FAILED)) & ~has_open
    with transaction():
        closed = execute(update(Verification).where(is_closed).values(state=State.FAILED, settled_at=now))
        if closed.rowcount == 1:
            owners.record_outcome(Outcome.FAILED, records.get(verification_id), at=now)


def _close_if_used_up(verification_id: uuid.UUID, now: datetime) -> None:
    close(verification_id, now=now, at_attempts=ATTEMPTS_PER_CODE)


def _is(attempt: Attempt) -> ColumnElement[bool]:
    same = VerificationAttempt.code_hash == attempt.code_hash
    return (VerificationAttempt.verification_id == attempt.verification_id) & same
