"""Spends a proof: one conditional update decides who of many gets it."""

from datetime import datetime

from otp_service import audit
from otp_service.accounts import numbers, users
from otp_service.accounts.numbers import Outcome
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.errors import OtpInvalid
from otp_service.verifications import attempts, guesses, ledger
from otp_service.verifications.checking import Proof
from otp_service.verifications.states import AttemptOutcome, Purpose, State


def redeem(proof: Proof, *, client: ClientInfo, now: datetime) -> None:
    """Count the number as proven, first thing in the transaction of what the proof is for (see numbers.prove).

    Raises OtpInvalid when it was spent, the number is not the user's any more, or the user locked or deleted
    meanwhile. The user is held before the code, as whoever spends a challenge does: of two that redeem one code, none
    may wait for the other in a circle.
    """
    with transaction():
        changes = proof.purpose is Purpose.PHONE_CHANGE
        outcome = numbers.verify(proof.user_id, phone_number=proof.phone_number, now=now, replaces=changes)
        if outcome is Outcome.REFUSED or users.find_and_hold(proof.user_id) is None:
            raise OtpInvalid
        if not ledger.move(proof.attempt.verification_id, (State.SENT,), State.VERIFIED, settled_at=now):
            raise OtpInvalid
        attempts.set_outcome(proof.attempt, AttemptOutcome.RIGHT)
        guesses.clear(proof.user_id)
        if outcome is Outcome.TAKEN:
            ledger.end_of_number(proof.phone_number, owner_id=proof.user_id, now=now)
        audit.record("otp.verified", user_id=proof.user_id, client=client, at=now, channel=proof.channel)
