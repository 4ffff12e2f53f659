"""Counts a code before the provider sees it, and records what the provider said."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, delete, exists, select, update

from otp_service.accounts import users
from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.errors import OtpInvalid, TooManyAttempts
from otp_service.verifications import budget, guesses, ledger
from otp_service.verifications.ledger import Ticket
from otp_service.verifications.models import Verification, VerificationAttempt
from otp_service.verifications.states import ATTEMPTS_PER_CODE, AttemptOutcome, State

_add = prepared_insert(VerificationAttempt)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A code that was counted. `was_known`: it was tried before and its outcome was never recorded.

    `is_anonymous`: by a caller who only named the person, and whose tries count apart (see `guesses`).
    """

    verification_id: uuid.UUID
    user_id: int
    code_hash: str
    was_known: bool
    is_anonymous: bool


def count(ticket: Ticket, code: str, *, is_anonymous: bool, client: ClientInfo, now: datetime) -> Attempt:
    """Count the code against the verification and the account.

    Raises OtpInvalid, TooManyAttempts, AuthenticatorDisabled.

    A code that was tried before without an answer is no further guess and is not counted again; one that is known
    to be wrong is counted, and refused without asking the provider.
    """
    with transaction():
        if not users.keep(ticket.user_id):
            raise OtpInvalid  # deleted at this moment
        ledger.lock(ticket.id)
        code_hash, is_new = _hash(ticket.id, code)
        attempt = Attempt(ticket.id, ticket.user_id, code_hash, was_known=False, is_anonymous=is_anonymous)
        if is_new:
            _insert(attempt, now)
        elif _join(attempt):
            return replace(attempt, was_known=True)
        _count_on_code(ticket, now)
        guesses.take(ticket.user_id, is_anonymous=is_anonymous, client=client, now=now)
    if not is_new:
        _close_if_used_up(ticket.id, now)
        raise OtpInvalid
    return attempt


def uncount(attempt: Attempt) -> None:
    """The provider never looked at the code: the guess was none, unless another request reported it as well."""
    is_open = _is(attempt) & (VerificationAttempt.outcome == AttemptOutcome.UNKNOWN)
    fewer = update(VerificationAttempt).values(open_reports=VerificationAttempt.open_reports - 1)
    with transaction():
        ledger.lock(attempt.verification_id)
        last = delete(VerificationAttempt).where(is_open, VerificationAttempt.open_reports == 1)
        counted = execute(last.returning(VerificationAttempt.is_anonymous)).first()
        if counted is None:
            execute(fewer.where(is_open))
        else:
            execute(
                update(Verification)
                .where(Verification.id == attempt.verification_id, Verification.attempts > 0)
                .values(attempts=Verification.attempts - 1)
            )
            # Not at `now`: whoever joined a guess may have started before the one who counted it.
            guesses.give_back(attempt.user_id, is_anonymous=counted.is_anonymous, taken_at=clock.now())


def record_wrong(attempt: Attempt, *, now: datetime, is_verdict: bool = True) -> None:
    """The provider refused the code; the fifth refusal kills the verification.

    Without `is_verdict` (the verification had ended well before) another report of the same code may be what ended it.
    """
    is_open = _is(attempt) & (VerificationAttempt.outcome == AttemptOutcome.UNKNOWN)
    wrong = update(VerificationAttempt).values(outcome=AttemptOutcome.WRONG)
    fewer = update(VerificationAttempt).values(open_reports=VerificationAttempt.open_reports - 1)
    with transaction():
        ledger.lock(attempt.verification_id)
        if is_verdict:
            execute(wrong.where(is_open))
        elif execute(wrong.where(is_open, VerificationAttempt.open_reports == 1)).rowcount == 0:
            execute(fewer.where(is_open))
        _close_if_used_up(attempt.verification_id, now)


def set_outcome(attempt: Attempt, outcome: AttemptOutcome) -> None:
    """Write down what the provider said."""
    execute(*_of_code(attempt.verification_id, attempt.code_hash, outcome=outcome))


@prepared
def _of_code(verification_id: Given, code_hash: Given) -> Update:
    is_same = VerificationAttempt.code_hash == code_hash
    return update(VerificationAttempt).where(VerificationAttempt.verification_id == verification_id, is_same)


def is_only_unknown(attempt: Attempt) -> bool:
    """Whether no other code of this verification awaits an answer: then a success at the provider is this one's."""
    statement = select(VerificationAttempt.code_hash).where(
        VerificationAttempt.verification_id == attempt.verification_id,
        VerificationAttempt.outcome == AttemptOutcome.UNKNOWN,
    )
    return [row.code_hash for row in fetch_all(statement)] == [attempt.code_hash]


def is_shared(attempt: Attempt) -> bool:
    """Whether another request reported, or is reporting, the same code without having learnt the answer."""
    row = fetch_one(select(VerificationAttempt.open_reports).where(_is(attempt)))
    return row is not None and row.open_reports > 1


def _count_on_code(ticket: Ticket, now: datetime) -> None:
    if execute(*_one_more(ticket.id, now)).rowcount != 1:
        raise refusal(ticket, now=now)


@prepared
def _one_more(verification_id: Given, now: Given) -> Update:
    takes_codes = (Verification.state == State.SENT) & (Verification.attempts < ATTEMPTS_PER_CODE)
    return (
        update(Verification)
        .where(Verification.id == verification_id, takes_codes, Verification.expires_at > now)
        .values(attempts=Verification.attempts + 1)
    )


def refusal(ticket: Ticket, *, now: datetime) -> OtpInvalid | TooManyAttempts:
    """Why this verification takes no more codes."""
    row = fetch_one(select(Verification.state, Verification.attempts).where(Verification.id == ticket.id))
    is_used_up = row is not None and row.state in {State.SENT, State.FAILED} and row.attempts >= ATTEMPTS_PER_CODE
    if is_used_up and ticket.expires_at > now:
        return TooManyAttempts(retry_after_seconds=budget.seconds_until_next(ticket.user_id, now=now))
    return OtpInvalid()


def _hash(verification_id: uuid.UUID, code: str) -> tuple[str, bool]:
    """The hash under which the code is stored already, else the one under today's key; and whether it is new."""
    hashes = keyring().digests(f"{verification_id}:{code}", purpose="otp code")
    row = fetch_one(*_among(verification_id, hashes))
    return (str(row.code_hash), False) if row else (hashes[0], True)


@prepared
def _among(verification_id: Given, hashes: Given) -> Select[Any]:
    is_same = (VerificationAttempt.verification_id == verification_id) & VerificationAttempt.code_hash.in_(hashes)
    return select(VerificationAttempt.code_hash).where(is_same)


def _insert(attempt: Attempt, now: datetime) -> None:
    execute(
        *_add(
            verification_id=attempt.verification_id,
            code_hash=attempt.code_hash,
            outcome=AttemptOutcome.UNKNOWN,
            is_anonymous=attempt.is_anonymous,
            tried_at=now,
        )
    )


def _join(attempt: Attempt) -> bool:
    """Report the same code once more, if its outcome still is unknown."""
    is_open = _is(attempt) & (VerificationAttempt.outcome == AttemptOutcome.UNKNOWN)
    more = update(VerificationAttempt).values(open_reports=VerificationAttempt.open_reports + 1)
    return execute(more.where(is_open)).rowcount == 1


def _close_if_used_up(verification_id: uuid.UUID, now: datetime) -> None:
    """Not while the outcome of another code is open: it may be the right one."""
    has_open = exists().where(
        VerificationAttempt.verification_id == verification_id,
        VerificationAttempt.outcome == AttemptOutcome.UNKNOWN,
    )
    is_used_up = (Verification.id == verification_id) & (Verification.attempts >= ATTEMPTS_PER_CODE)
    with transaction():
        execute(
            update(Verification)
            .where(is_used_up, Verification.state == State.SENT, ~has_open)
            .values(state=State.FAILED, settled_at=now)
        )


def _is(attempt: Attempt) -> ColumnElement[bool]:
    same = VerificationAttempt.code_hash == attempt.code_hash
    return (VerificationAttempt.verification_id == attempt.verification_id) & same
