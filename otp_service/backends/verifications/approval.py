"""Checks a code for a backend: the right one approves the verification, once (ADR 31)."""

import uuid
from dataclasses import replace

from otp_service import verifications
from otp_service.backends.app_keys import AppCaller
from otp_service.backends.verifications import records
from otp_service.backends.verifications.errors import CodeNotCompared, VerificationEnded, wrong_code
from otp_service.backends.verifications.messages import AppOwner
from otp_service.backends.verifications.models import ATTEMPTS, Status
from otp_service.backends.verifications.records import Row, Shown
from otp_service.backends.verifications.repeats import Claim
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import ServiceError
from otp_service.core.web.tracing import ClientInfo
from otp_service.verifications import Proof, Purpose, bound, limits, owners
from otp_service.verifications.errors import OtpInvalid, TooManyAttempts
from otp_service.verifications.states import Outcome, State


def check(app: AppCaller, verification_id: uuid.UUID, code: str, *, client: ClientInfo, claim: Claim) -> Shown:
    """Approve a verification by its code. Returns only if the code was right and works for the first time.

    Raises VerificationNotFound, VerificationEnded, otp_invalid (422), TooManyAttempts, CodeNotCompared,
    ProviderUnavailable, ProviderRefused.
    """
    row = records.get(app.id, verification_id)
    if row.approved_at is not None and row.approved_by == claim.id:
        # This very request approved it, and its response was lost: it is given again.
        return Shown(row, None, clock.now())
    owner = AppOwner(app.id, row.owner, row.id)
    try:
        proof = verifications.prove(
            owner, code=code, purpose=Purpose.PHONE_VERIFICATION, client=client, bound_to=row.id
        )
        return _approve(proof, row, by=claim.id, client=client)
    except (OtpInvalid, TooManyAttempts) as refused:
        stands = records.get(app.id, row.id)
        if stands.approved_by == claim.id:
            # Meanwhile another request of this claim approved it. Its own response may be lost (ADR 31).
            return Shown(stands, None, clock.now())
        raise _refusal(owner, row, stands, refused) from refused


def _approve(proof: Proof, row: Row, *, by: uuid.UUID, client: ClientInfo) -> Shown:
    now = clock.now()
    with transaction():
        # The verification before its message, as in every transaction that locks both: this avoids a deadlock (ADR 4).
        if not records.approve(row.id, by=by, now=now):
            raise OtpInvalid
        verifications.spend(proof, now=now)
        limits.clear_number_tries(row.owner)
        owners.record_outcome(Outcome.APPROVED, row, at=now, client=client)
    return Shown(replace(row, approved_at=now, approved_by=by), None, now)


def _refusal(owner: AppOwner, before: Row, after: Row, refused: OtpInvalid | TooManyAttempts) -> ServiceError:
    """Return why a code was not accepted, by how the verification stood before it and stands now."""
    now = clock.now()
    shown = records.look_at(after, now=now)
    if shown.attempts_left == 0 and shown.message is not None and shown.message.state == State.SENT:
        # Earlier messages took some of the codes, so the engine has not ended this one (ADR 31).
        bound.close(shown.message, now=now)
        shown = records.look_at(shown.row, now=now)
    if shown.status not in {Status.PENDING, Status.FAILED}:
        return VerificationEnded(shown.status)
    if isinstance(refused, TooManyAttempts):
        return refused
    if before.attempts >= ATTEMPTS or (shown.attempts_left == 0 and not refused.was_compared):
        return TooManyAttempts(retry_after_seconds=limits.seconds_until_next(owner.name, now=now))
    if not refused.was_compared:
        return CodeNotCompared(retry_after_seconds=1)
    return wrong_code(shown.attempts_left)  # the fifth one too: it was looked at
