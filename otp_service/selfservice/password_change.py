"""Changes the password of a signed-in person who knows the current one."""

from otp_service import audit, sessions
from otp_service.accounts import authentication, notices, password_hashing, password_policy, users
from otp_service.accounts.errors import InvalidCredentials
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.crypto.hashing import LONGEST_PASSWORD, normalize
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import InvalidInput
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Caller, Tokens


def change(caller: Caller, *, current_password: str, new_password: str, client: ClientInfo) -> Tokens:
    """Set the new password, end every other session, and return new tokens for the caller's.

    Raises InvalidInput about newPassword, InvalidCredentials, AccountLocked, SlotsBusy, InvalidToken.
    """
    account = users.get_bearer(caller.user_id)
    _reject_unfit(account, current_password, new_password)
    authentication.confirm_password(account, current_password, session_id=caller.session_id, client=client)
    password_hash = password_hashing.hash_password(new_password, field="newPassword")
    now = clock.now()
    with transaction():
        # Under the lock: of parallel changes with the same old password, one wins (ADR 3).
        held = users.find_and_hold(account.id)
        if held is None or held.password_changed_at != account.password_changed_at:
            raise InvalidCredentials.of_signed_in()
        users.set_password_hash(account.id, password_hash, now=now)
        ended = sessions.end_all(account.id, now=now, keep=caller.session_id)
        tokens = sessions.renew(caller, is_verified=held.is_verified, now=now)
        audit.record("password.changed", user_id=account.id, client=client, at=now, sessionsEnded=ended)
        notices.notify(account.id, "password_changed", now=now, client=client)
        return tokens


def _reject_unfit(account: Account, current: str, new: str) -> None:
    faults = password_policy.faults_of(new, email=account.email, phone_number=account.phone_number)
    # A current password that is too long to be one is a wrong one: the comparison with the stored hash says so.
    if not faults and len(current) <= LONGEST_PASSWORD and normalize(new) == normalize(current):
        faults = ["Password must be different from your current password."]
    if faults:
        raise InvalidInput(fields={"newPassword": faults})
