"""Signs people in: the password earns a challenge, the code on the phone meets it."""

from dataclasses import dataclass, replace
from datetime import datetime

from otp_service import audit, sessions, verifications
from otp_service.accounts import authentication, users
from otp_service.accounts.errors import InvalidCredentials, PhoneNumberMissing
from otp_service.accounts.users import Account
from otp_service.auth import challenges, phone_codes, second_step
from otp_service.auth.challenges import Earned
from otp_service.auth.phone_codes import Named, login_recipient
from otp_service.auth.second_step import Verified
from otp_service.auth.session_opening import open_session
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import ServiceError
from otp_service.core.settings import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import defaults, registry, trusted_devices
from otp_service.factors.phone.factor import PHONE
from otp_service.sessions import Tokens
from otp_service.sinch import Channel


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a right password leads to: `tokens`, or a `challenge` that wants one of `methods`.

    A code was sent over `channel`, the default method when that is the phone; `otp_error` says why it was not: its
    words, its code, and when to try again.
    """

    user_id: int
    tokens: Tokens | None = None
    challenge: Earned | None = None
    methods: tuple[str, ...] = ()
    default_method: str | None = None
    channel: Channel | None = None
    phone_number: str | None = None
    otp_error: ServiceError | None = None


def login(*, email: str, password: str, client: ClientInfo, device_token: str | None = None) -> SignIn:
    """Check the password and send a code, unless the policy or a trusted device spares the second step.

    Raises InvalidCredentials, AccountLocked, SlotsBusy.
    """
    started = clock.now()  # before the password is read: what voids challenges meanwhile voids this one as well
    account = authentication.authenticate(email=email, password=password, client=client)
    now = clock.now()
    if settings().mfa_policy == "enrolment" and account.is_verified and not registry.chosen(account.id):
        return SignIn(account.id, tokens=_start_without_factor(account.id, client, started, now))
    if device_token is not None:
        tokens = _start_on_device(account.id, device_token, client, started, now)
        if tokens is not None:
            return SignIn(account.id, tokens=tokens)
    with transaction():
        challenge = challenges.issue(account.id, now=started)
        audit.record("login.password_accepted", user_id=account.id, client=client, at=now)
    return _with_offer(account, challenge, client)


def _start_without_factor(user_id: int, client: ClientInfo, started: datetime, now: datetime) -> Tokens:
    with transaction():
        held = users.find_and_hold(user_id)
        if held is None or held.has_voided(started):
            raise InvalidCredentials  # locked, or another password set, while this one was checked
        return open_session(user_id, amr=("pwd",), acr="aal1", client=client, now=now)


def _start_on_device(
    user_id: int, device_token: str, client: ClientInfo, started: datetime, now: datetime
) -> Tokens | None:
    """Tokens of one factor for a device that is trusted; None for any other, which goes on to the second step."""
    with transaction():
        if not trusted_devices.recognize(user_id, device_token, client=client, now=now):
            return None
        return _start_without_factor(user_id, client, started, now)


def _with_offer(account: Account, challenge: Earned, client: ClientInfo) -> SignIn:
    """Name the ways to go on; when the phone is the default, send the code at once."""
    methods = registry.methods(account.id)
    default = defaults.of_user(account.id, methods)
    result = SignIn(
        account.id,
        challenge=challenge,
        methods=methods,
        default_method=default,
        phone_number=account.phone_number,
    )
    if default is None:
        return replace(result, otp_error=PhoneNumberMissing())
    if default not in verifications.CHANNELS:
        return result
    channel = Channel(default)
    try:
        channel = verifications.send(login_recipient(account, challenge.id), channel=channel, client=client).channel
    except ServiceError as refused:
        return replace(result, channel=channel, otp_error=refused)
    return replace(result, channel=channel)


def verify(named: Named, *, code: str, remember: bool, client: ClientInfo) -> Verified:
    """Take a code: the holder of a challenge gets tokens, anybody else just has the number proven.

    Raises InvalidToken, UserNotFound, OtpInvalid, TooManyAttempts, ProviderUnavailable, ProviderRefused.
    """
    if named.challenge_token is not None:
        return second_step.meet(named.challenge_token, PHONE, {"code": code}, remember=remember, client=client)
    return Verified(phone_codes.verify_phone(named, code=code, client=client))


def refresh(refresh_token: str, *, client: ClientInfo) -> Tokens:
    """Exchange a refresh token for new tokens. Raises InvalidToken."""
    return sessions.rotate(refresh_token, is_verified=users.IS_VERIFIED, client=client)
