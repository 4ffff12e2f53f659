"""Signs people in: the password earns a challenge, the code on the phone meets it."""

from dataclasses import dataclass
from datetime import datetime

from otp_service import audit, sessions
from otp_service.accounts import credentials, users
from otp_service.accounts.errors import InvalidCredentials
from otp_service.accounts.users import Account
from otp_service.auth import challenges, phone_codes
from otp_service.auth.challenges import Earned
from otp_service.auth.phone_codes import Named, login_recipient
from otp_service.core import clock
from otp_service.core.database import transaction
from otp_service.core.errors import ServiceError
from otp_service.core.settings import settings
from otp_service.core.tracing import ClientInfo
from otp_service.factors import otp
from otp_service.sessions import Grant, Tokens
from otp_service.sessions.errors import InvalidToken
from otp_service.sinch import Channel

AMR = {Channel.SMS: "sms", Channel.CALLOUT: "tel"}
"""RFC 8176's word for how the code came."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a right password leads to: `tokens`, or a `challenge` that wants a second factor.

    `otp_error` says why no code was sent by itself: its words, its code, and when to try again.
    """

    user_id: int
    tokens: Tokens | None = None
    challenge: Earned | None = None
    channel: Channel | None = None
    phone_number: str | None = None
    otp_error: ServiceError | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """A proven number, and tokens for the holder of a challenge."""

    user_id: int
    tokens: Tokens | None = None


def login(*, email: str, password: str, client: ClientInfo) -> SignIn:
    """Check the password and send a code. Raises InvalidCredentials, AccountLocked, SlotsBusy."""
    started = clock.now()  # before the password is read: what voids challenges meanwhile voids this one as well
    account = credentials.authenticate(email=email, password=password, client=client)
    now = clock.now()
    if settings().mfa_policy == "enrolment" and account.is_verified:
        return SignIn(account.id, tokens=_start_without_factor(account.id, client, started, now))
    with transaction():
        challenge = challenges.issue(account.id, now=started)
        audit.record("login.password_accepted", user_id=account.id, client=client, at=now)
    return _with_code(account, challenge, client)


def _start_without_factor(user_id: int, client: ClientInfo, started: datetime, now: datetime) -> Tokens:
    with transaction():
        held = users.find_and_hold(user_id)
        if held is None or (held.challenges_void_before is not None and started <= held.challenges_void_before):
            raise InvalidCredentials  # locked, or another password set, while this one was checked
        grant = Grant(user_id, amr=("pwd",), acr="aal1", is_verified=True)
        return sessions.start(grant, client=client, now=now)


def _with_code(account: Account, challenge: Earned, client: ClientInfo) -> SignIn:
    channel = Channel(settings().sinch_method)
    try:
        otp.send(login_recipient(account, challenge.id), channel=channel, client=client)
        error = None
    except ServiceError as refused:
        error = refused
    return SignIn(account.id, challenge=challenge, channel=channel, phone_number=account.phone_number, otp_error=error)


def verify(named: Named, *, code: str, client: ClientInfo) -> Verified:
    """Take a code: the holder of a challenge gets tokens, anybody else just has the number proven.

    Raises InvalidToken, UserNotFound, OtpInvalid, TooManyAttempts, ProviderUnavailable, ProviderRefused.
    """
    if named.challenge_token is not None:
        return _meet_challenge(named.challenge_token, code, client)
    return Verified(phone_codes.verify_phone(named, code=code, client=client))


def _meet_challenge(challenge_token: str, code: str, client: ClientInfo) -> Verified:
    challenge = challenges.find_open(challenge_token, now=clock.now())
    account = challenge.account
    proof = otp.prove(
        user_id=account.id, code=code, purpose=otp.Purpose.LOGIN, challenge_id=challenge.id, client=client
    )
    now = clock.now()
    with transaction():
        challenges.spend(challenge, now=now)
        otp.redeem(proof, client=client, now=now)
        return Verified(account.id, _start_session(account.id, proof, client, now))


def _start_session(user_id: int, proof: otp.Proof, client: ClientInfo, now: datetime) -> Tokens:
    grant = Grant(user_id, amr=("pwd", AMR[proof.channel]), acr="aal2", is_verified=users.get(user_id).is_verified)
    return sessions.start(grant, client=client, now=now)


def refresh(refresh_token: str, *, client: ClientInfo) -> Tokens:
    """Exchange a refresh token for new tokens. Raises InvalidToken."""
    session = sessions.rotate(refresh_token, client=client)
    account = users.find_by_id(session.user_id)
    if account is None:
        raise InvalidToken  # deleted at this moment
    return sessions.access_tokens(session, is_verified=account.is_verified)
