"""Sets a forgotten password: the code on the phone, a second factor where there is one, then all at once."""

from otp_service import audit, sessions, verifications
from otp_service.accounts import notices, password_hashing, users
from otp_service.accounts.errors import UserNotFound
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle, trusted_devices
from otp_service.factors.contract import Proof
from otp_service.factors.errors import OtpInvalid
from otp_service.recovery import recoverable, second_step
from otp_service.recovery.recoverable import Recoverable
from otp_service.recovery.second_step import Answer
from otp_service.verifications import Purpose, by_name


def confirm(*, email: str, code: str, new_password: str, second: Answer | None, client: ClientInfo) -> None:
    """Set the password, end all sessions and trusted devices, void all challenges; nobody is signed in.

    What wrong passwords and wrong codes had closed is open again.

    An unknown address, an account without a live code and a wrong code give the same answers after the same time.
    Raises OtpInvalid, TooManyAttempts, ProviderUnavailable, ProviderRefused; and, only after a right code, which then
    stays good: SecondFactorRequired, what Factor.prove raises, InvalidInput for the password, SlotsBusy.
    """
    account, proof = by_name.check(Purpose.PASSWORD_RESET, email, lambda: _prove(email, code, client), client=client)
    proof_of_second = second_step.prove(account.user_id, second, code_id=proof.attempt.verification_id, client=client)
    # Only now: whether it is the account's number can be told only to who holds that phone.
    password_hash = password_hashing.hash_for(new_password, email=account.email, phone_number=account.phone_number)
    _set(account, password_hash, (proof, proof_of_second), client)


def _prove(email: str, code: str, client: ClientInfo) -> tuple[Recoverable, verifications.Proof]:
    account = recoverable.find(email)
    if account is None:
        raise UserNotFound
    purpose = Purpose.PASSWORD_RESET
    return account, verifications.prove(
        user_id=account.user_id, code=code, purpose=purpose, client=client, is_anonymous=True
    )


def _set(
    account: Recoverable, password_hash: str, proofs: tuple[verifications.Proof, Proof | None], client: ClientInfo
) -> None:
    """All of it or nothing. The code was for the number that it was sent to, which must still be the account's."""
    now = clock.now()
    proof, proof_of_second = proofs
    with transaction():
        held = users.find_and_hold(account.user_id)
        current = recoverable.of(held) if held is not None else None
        if current is None or current.phone_number != proof.phone_number:
            raise OtpInvalid
        verifications.redeem(proof, client=client, now=now)
        if proof_of_second is not None:
            proof_of_second.redeem(client=client, now=now)
        users.set_password_hash(account.user_id, password_hash, now=now)
        sessions.end_all(account.user_id, now=now)
        trusted_devices.end_all(account.user_id, now=now)
        throttle.enable(account.user_id)
        amr = list(proof_of_second.amr) if proof_of_second is not None else []
        audit.record("password.reset", user_id=account.user_id, client=client, at=now, secondFactor=amr)
        notices.notify(account.user_id, "recovery", now=now, client=client)
