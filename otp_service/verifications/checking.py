"""Checks a code: count it, commit, ask the provider, record. What is proven is redeemed in a transaction of its own."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select

from otp_service import audit, sinch
from otp_service.core import clock
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.errors import OtpInvalid
from otp_service.sinch import Channel, VerificationStatus
from otp_service.verifications import attempts, ledger, settling
from otp_service.verifications.attempts import Attempt
from otp_service.verifications.errors import from_provider
from otp_service.verifications.ledger import Ticket
from otp_service.verifications.models import Verification
from otp_service.verifications.sending import ANSWER_WITHIN_SECONDS
from otp_service.verifications.states import PROVE_THE_PHONE, Purpose, State

_HAS_AN_ANSWER = Verification.state.in_((State.RESERVED, State.SENT, State.FAILED))
_ENDED = {VerificationStatus.ABORTED: State.SUPERSEDED, VerificationStatus.FAIL: State.EXPIRED}


@dataclass(frozen=True, slots=True)
class Proof:
    """The provider accepted the code. It is worth nothing until it is redeemed, once."""

    attempt: Attempt
    user_id: int
    phone_number: str
    channel: Channel
    purpose: Purpose


class _Superseded(Exception):
    """The provider has dropped this verification for another one; the code may belong to that."""


@dataclass(frozen=True, slots=True)
class Try:
    """A code, and who tries it."""

    code: str
    is_anonymous: bool
    client: ClientInfo


def prove(
    *,
    user_id: int,
    code: str,
    purpose: Purpose,
    client: ClientInfo,
    challenge_id: uuid.UUID | None = None,
    is_anonymous: bool = False,
) -> Proof:
    """Show that the user holds the phone, with the live code sent for this purpose and for `challenge_id`, if given.

    A phone is verified with a code for a sign-in as well.

    `is_anonymous`: the caller only named a person whose phone is proven already, and has a part of that person's tries.
    Raises OtpInvalid, TooManyAttempts, AuthenticatorDisabled, ProviderUnavailable, ProviderRefused. A right code whose
    answer was lost may be tried again.
    """
    now = clock.now()
    with sinch.get_client().within(ANSWER_WITHIN_SECONDS):
        live = _live(user_id, purpose, challenge_id, now)
        for ticket in sorted(live, key=lambda ticket: not _may_belong_to(ticket, code)):
            settled = settling.settle(ticket, now=now) if ticket.state == State.RESERVED else ticket
            if settled.state not in {State.SENT, State.FAILED}:
                continue
            try:
                return _evaluate(settled, Try(code, is_anonymous, client), now)
            except _Superseded:
                continue
            except OtpInvalid:
                _record_failure(user_id, client, now)
                raise
    _record_failure(user_id, client, now)
    raise OtpInvalid


def _live(user_id: int, purpose: Purpose, challenge_id: uuid.UUID | None, now: datetime) -> list[Ticket]:
    """Newest first. A failed one is among them, since it still says "too many attempts"."""
    purposes = PROVE_THE_PHONE if purpose is Purpose.PHONE_VERIFICATION else (purpose,)
    if challenge_id is None:
        return ledger.read(*_for_purposes(user_id, purposes, now))
    return ledger.read(*_for_challenge(user_id, purposes, now, challenge_id))


@prepared
def _for_purposes(user_id: Given, purposes: Given, now: Given) -> Select[Any]:
    is_fitting = Verification.purpose.in_(purposes) & (Verification.expires_at > now)
    return ledger.of_user(user_id).where(_HAS_AN_ANSWER, is_fitting)


@prepared
def _for_challenge(user_id: Given, purposes: Given, now: Given, challenge_id: Given) -> Select[Any]:
    is_fitting = Verification.purpose.in_(purposes) & (Verification.expires_at > now)
    return ledger.of_user(user_id).where(_HAS_AN_ANSWER, is_fitting, Verification.challenge_id == challenge_id)


def _may_belong_to(ticket: Ticket, code: str) -> bool:
    """A flash call is proven with the number that rang, everything else with digits: the provider need not be asked."""
    return code.startswith("+") == (ticket.via() is Channel.FLASHCALL)


def _evaluate(ticket: Ticket, tried: Try, now: datetime) -> Proof:
    attempt = attempts.count(ticket, tried.code, is_anonymous=tried.is_anonymous, client=tried.client, now=now)
    if not _may_belong_to(ticket, tried.code):
        attempts.record_wrong(attempt, now=now)
        raise OtpInvalid
    proof = Proof(attempt, ticket.user_id, ticket.phone_number, ticket.via(), Purpose(ticket.purpose))
    try:
        sinch.get_client().report(ticket.opened_provider_id(), ticket.via(), tried.code)
    except sinch.CodeRejected as error:
        if attempt.was_known and _was_accepted(ticket, attempt):
            return proof  # the provider's words for a code that it has accepted already
        is_verdict = not attempts.is_shared(attempt) or _is_pending(ticket)
        attempts.record_wrong(attempt, now=now, is_verdict=is_verdict)
        raise OtpInvalid from error
    except (sinch.VerificationExpired, sinch.VerificationFailed, sinch.VerificationNotFound) as error:
        _ask_what_ended_it(ticket, attempt, now, error)
    except sinch.SinchError as error:
        if error.is_outcome_unknown and _was_accepted(ticket, attempt):
            return proof
        if not error.is_outcome_unknown:
            attempts.uncount(attempt)
        raise from_provider(error) from error
    return proof


def _ask_what_ended_it(ticket: Ticket, attempt: Attempt, now: datetime, error: sinch.SinchError) -> None:
    """The provider no longer takes codes for it. Returns only if this very code had been accepted before."""
    try:
        status = sinch.get_client().status(ticket.opened_provider_id()).status
    except sinch.VerificationNotFound:
        status = VerificationStatus.FAIL
    except sinch.SinchError as unknown:
        raise from_provider(unknown) from unknown
    if status is VerificationStatus.SUCCESSFUL and attempt.was_known and attempts.is_only_unknown(attempt):
        return
    if status is VerificationStatus.ABORTED:
        attempts.uncount(attempt)
        ledger.move(ticket.id, (State.SENT,), State.SUPERSEDED, settled_at=now)
        raise _Superseded from error
    if not attempt.was_known:
        attempts.record_wrong(attempt, now=now, is_verdict=status is not VerificationStatus.SUCCESSFUL)
    if status is not VerificationStatus.SUCCESSFUL:
        ledger.move(ticket.id, (State.SENT,), _ENDED.get(status, State.FAILED), settled_at=now)
    raise OtpInvalid from error


def _was_accepted(ticket: Ticket, attempt: Attempt) -> bool:
    """The answer got lost: whether the provider counts the code as right, and it can only be this one."""
    try:
        status = sinch.get_client().status(ticket.opened_provider_id()).status
    except sinch.SinchError:
        return False
    return status is VerificationStatus.SUCCESSFUL and attempts.is_only_unknown(attempt)


def _is_pending(ticket: Ticket) -> bool:
    """Still open at the provider after it refused a code: then the refusal was about that code."""
    try:
        return sinch.get_client().status(ticket.opened_provider_id()).status is VerificationStatus.PENDING
    except sinch.SinchError:
        return False


def _record_failure(user_id: int, client: ClientInfo, now: datetime) -> None:
    with transaction():
        audit.record("otp.refused", user_id=user_id, client=client, at=now)
