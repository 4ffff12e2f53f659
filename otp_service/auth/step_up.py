"""Signs somebody in anew within a session: the password and a code that was sent for this session alone."""

from otp_service import sessions
from otp_service.accounts import credentials, users
from otp_service.accounts.users import Account
from otp_service.auth.sign_in import AMR
from otp_service.core import clock
from otp_service.core.database import transaction
from otp_service.core.tracing import ClientInfo
from otp_service.factors import otp
from otp_service.sessions import Caller, Grant, Requirement, SteppedUp
from otp_service.sessions.errors import InvalidToken
from otp_service.sinch import Channel

METHODS = otp.CHANNELS
NEED_PASSWORD = frozenset(otp.CHANNELS)
"""Methods that prove one factor alone. With the password they make two, both shown now."""


def requirement_of(_user_id: int) -> Requirement:
    """Everybody has a password and a phone, so everybody's strongest level is two factors."""
    return Requirement(acr="aal2", methods=METHODS)


def request_code(caller: Caller, *, channel: Channel | None, client: ClientInfo) -> otp.Delivery:
    """Send a code that this session alone can use. Raises InvalidToken and what `otp.send` raises."""
    account = _account_of(caller)
    recipient = otp.Recipient(
        account.id, account.phone_number, otp.Purpose.STEP_UP, account.locale, challenge_id=caller.session_id
    )
    return otp.send(recipient, channel=channel, client=client)


def step_up(caller: Caller, *, password: str, code: str, client: ClientInfo) -> SteppedUp:
    """Check password and code, then count the session as freshly signed in.

    Raises InvalidCredentials, AccountLocked (the failures count with those of logins), SlotsBusy, OtpInvalid,
    TooManyAttempts, ProviderUnavailable, ProviderRefused, InvalidToken.
    """
    account = _account_of(caller)
    credentials.authenticate(email=account.email, password=password, client=client)
    proof = otp.prove(
        user_id=account.id, code=code, purpose=otp.Purpose.STEP_UP, challenge_id=caller.session_id, client=client
    )
    now = clock.now()
    with transaction():
        if users.find_and_hold(account.id) is None:
            raise InvalidToken  # locked or deleted meanwhile
        otp.redeem(proof, client=client, now=now)
        is_verified = users.get(account.id).is_verified
        grant = Grant(account.id, amr=("pwd", AMR[proof.channel]), acr="aal2", is_verified=is_verified)
        return sessions.strengthen(caller, grant, client=client, now=now)


def _account_of(caller: Caller) -> Account:
    account = users.find_by_id(caller.user_id)
    if account is None:
        raise InvalidToken  # deleted since the token was looked at
    return account
