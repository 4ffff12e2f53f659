"""Sets a forgotten password: the code on the phone, a second factor where there is one, then all at once."""

from datetime import datetime

from otp_service import audit, sessions
from otp_service.accounts import credentials, notices, users
from otp_service.accounts.passwords import check_policy
from otp_service.core import clock
from otp_service.core.database import transaction
from otp_service.core.errors import InvalidInput
from otp_service.core.pace import pace
from otp_service.core.tracing import ClientInfo
from otp_service.factors import otp
from otp_service.factors.contract import Proof
from otp_service.factors.otp import by_name
from otp_service.factors.otp.by_name import Scope
from otp_service.factors.otp.errors import OtpInvalid, ProviderRefused, ProviderUnavailable, TooManyAttempts
from otp_service.recovery import recoverable, second_step
from otp_service.recovery.recoverable import Recoverable
from otp_service.recovery.second_step import Answer


def confirm(*, email: str, code: str, new_password: str, second: Answer | None, client: ClientInfo) -> None:
    """Set the password, end all sessions, void all challenges; nobody is signed in.

    An unknown address, an account without a live code and a wrong code give the same answers after the same time.
    Raises OtpInvalid, TooManyAttempts, ProviderUnavailable, ProviderRefused; and, only after a right code, which then
    stays good: SecondFactorRequired, what Factor.prove raises, InvalidInput for the password, SlotsBusy.
    """
    with pace().even():
        account = recoverable.find(email)
        proof = _prove(account, email, code, client)
        if account is None:
            raise OtpInvalid
        proof_of_second = second_step.prove(
            account.user_id, second, code_id=proof.attempt.verification_id, client=client
        )
        password_hash = _hash(new_password, account)
        _set(account, password_hash, (proof, proof_of_second), client)


def _prove(account: Recoverable | None, email: str, code: str, client: ClientInfo) -> otp.Proof:
    """The code's proof. The tries are counted by address as well, so that no count tells who has an account."""
    now = clock.now()
    by_name.take_try(Scope.RESET, email, now=now)
    try:
        if account is None:
            _record_unknown(client, now)
            raise OtpInvalid
        proof = otp.prove(user_id=account.user_id, code=code, purpose=otp.Purpose.PASSWORD_RESET, client=client)
    except TooManyAttempts as error:
        raise OtpInvalid from error  # counted on the account: where there is none, this would never be said
    except (ProviderUnavailable, ProviderRefused):
        by_name.give_back_try(Scope.RESET, email, taken_at=now)
        raise
    by_name.clear_tries(Scope.RESET, email)
    return proof


def _record_unknown(client: ClientInfo, now: datetime) -> None:
    with transaction():
        audit.record("otp.refused", user_id=None, client=client, at=now)


def _hash(new_password: str, account: Recoverable) -> str:
    """Whether it is the account's number can be told only to who holds that phone."""
    faults = check_policy(
        new_password, email=account.email, phone_number=account.phone_number, policy=credentials.policy()
    )
    if faults:
        raise InvalidInput(fields={"newPassword": faults})
    return credentials.hash_password(new_password, field="newPassword")


def _set(account: Recoverable, password_hash: str, proofs: tuple[otp.Proof, Proof | None], client: ClientInfo) -> None:
    """All of it or nothing. The code was for the number that it was sent to, which must still be the account's."""
    now = clock.now()
    proof, proof_of_second = proofs
    with transaction():
        held = users.find_and_hold(account.user_id)
        current = recoverable.of(held) if held is not None else None
        if current is None or current.phone_number != proof.phone_number:
            raise OtpInvalid
        otp.redeem(proof, client=client, now=now)
        if proof_of_second is not None:
            proof_of_second.redeem(client=client, now=now)
        users.set_password_hash(account.user_id, password_hash, now=now)
        sessions.end_all(account.user_id, now=now)
        amr = list(proof_of_second.amr) if proof_of_second is not None else []
        audit.record("password.reset", user_id=account.user_id, client=client, at=now, secondFactor=amr)
        notices.notify(account.user_id, "recovery", now=now, client=client)
