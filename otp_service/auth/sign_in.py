"""Signs people in: the password leads to a challenge, and a second factor to the session."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from otp_service import anomalies, audit, verifications
from otp_service.accounts import authentication, deletions, users
from otp_service.accounts.authentication import Authenticated
from otp_service.accounts.errors import InvalidCredentials, PhoneNumberMissing
from otp_service.accounts.settings import ExistenceSettings
from otp_service.accounts.users import Account
from otp_service.anomalies import AnomalySettings, Arrival, Others, SignInDenied, StrongestFactorRequired, Verdict
from otp_service.auth import challenges, origins, unfinished
from otp_service.auth.challenges import IssuedChallenge, OpenChallenge, RightPassword
from otp_service.auth.session_opening import Opened, open_session
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import NotAuthenticated, ServiceError
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import defaults, registry, trusted_devices
from otp_service.factors.contract import AloneSignIn, Factor, Proof, ProofRequest
from otp_service.factors.errors import MethodNotEnrolled
from otp_service.factors.phone import PHONE
from otp_service.factors.phone.codes import PhoneOwner
from otp_service.factors.registry import Enrolled
from otp_service.providers import Channel
from otp_service.sessions import Caller
from otp_service.verifications import Along, Asker, Purpose, Recipient
from otp_service.verifications.errors import OtpCooldown, TooManyAttempts


@dataclass(frozen=True, slots=True)
class SignIn:
    """The result of a right password: `tokens`, or a `challenge` that one of `methods` completes.

    `channel` is the one that a code was sent by, if the default method is the phone. If sending failed, `otp_error`
    says why and when to try again. With `uses_earlier_code`, a code from a moment ago completes the challenge.
    """

    user_id: int
    tokens: Opened | None = None
    challenge: IssuedChallenge | None = None
    methods: tuple[str, ...] = ()
    default_method: str | None = None
    channel: Channel | None = None
    phone_number: str | None = None
    otp_error: ServiceError | None = None
    uses_earlier_code: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """A person who proved a factor. The holder of a challenge gets tokens, and a device token if it was requested.

    Other callers get a `known_device_token`: their next password is looked at, whatever strangers did.

    Until `recovery_hold_until`, the session changes nothing that protects the account (ADR 32).
    """

    user_id: int
    tokens: Opened | None = None
    device_token: str | None = None
    known_device_token: str | None = None
    enrolment_required: bool = False
    deletion_cancelled: bool = False
    recovery_hold_until: datetime | None = None


def login(*, email: str, password: str, client: ClientInfo, device_token: str | None = None) -> SignIn:
    """Check the password, then issue a challenge and send a code.

    Where the policy or a trusted device makes the second step unnecessary, it opens a session instead; but never by a
    password that was not verified together with a possession: a stranger may have registered with it (ADR 34).
    Raises InvalidCredentials, AccountLocked, SlotsBusy, and SignInDenied where a rule denies a right password.
    """
    checked = authentication.authenticate(email=email, password=password, client=client, device_token=device_token)
    account, enrolled = registry.look_up_account(checked.user_id)
    # From before the password was compared: a lock or a new password since then voids the challenge of this sign-in.
    started, now = checked.as_of, clock.now()
    if account.is_over(now):
        raise InvalidCredentials  # as good as erased: retention has not come round to it yet
    is_unusual = _judge_password(checked, _arrival(account.id, client, now, device_token)).is_strict
    # Only a second factor undoes a deletion (ADR 35).
    if account.password_verified and account.erase_at is None and not is_unusual:
        tokens = _start_by_password(account, device_token, client, started, now)
        if tokens is not None:
            with transaction():
                checked.settle()
            return SignIn(account.id, tokens=tokens)
    methods = enrolled.strongest if is_unusual else enrolled.methods
    return _begin(_Accepted(account, enrolled, methods, challenges.draw(), checked), client, now)


def login_by_number(*, phone_number: str, password: str, client: ClientInfo, device_token: str | None = None) -> SignIn:
    """Sign in the holder of a number whose account has no address. Does and raises what `login` does.

    For every other number the response is that of a wrong password: an account has one name, and so one count of
    failed sign-ins (ADR 34).
    """
    name = users.name_for_number(phone_number)
    return login(email=name, password=password, client=client, device_token=device_token)


def _start_by_password(
    account: Account, device_token: str | None, client: ClientInfo, started: datetime, now: datetime
) -> Opened | None:
    """Return tokens if neither policy nor device wants a second step; None otherwise."""
    if settings().sign_in.mfa_policy == "enrolment" and account.is_verified and not registry.second_steps(account.id):
        return _start_without_factor(account.id, client, started, now)
    if device_token is None:
        return None
    return _start_on_device(account.id, device_token, client, started, now)


def _start_without_factor(user_id: int, client: ClientInfo, started: datetime, now: datetime) -> Opened:
    with transaction():
        held = users.find_and_hold(user_id)
        # What `challenges.spend` checks for a sign-in with a challenge: a lock or a new password since the start.
        if held is None or held.has_voided(started):
            raise InvalidCredentials
        return open_session(Caller(user_id, ("pwd",), "aal1", now, held.is_verified), client=client)


def _start_on_device(
    user_id: int, device_token: str, client: ClientInfo, started: datetime, now: datetime
) -> Opened | None:
    """Return tokens for a trusted device; None for any other, which goes on to the second step."""
    with transaction():
        if not trusted_devices.recognize(user_id, device_token, client=client, now=now):
            return None
        return _start_without_factor(user_id, client, started, now)


@dataclass(frozen=True, slots=True)
class _Accepted:
    """Whose password was right, what they have enrolled and may use now, and the challenge for it."""

    account: Account
    enrolled: Enrolled
    methods: tuple[str, ...]
    challenge: IssuedChallenge
    checked: Authenticated


def _begin(accepted: _Accepted, client: ClientInfo, now: datetime) -> SignIn:
    """Issue the challenge in the transaction that reserves the code, or else in one of its own."""
    account, methods, checked = accepted.account, accepted.methods, accepted.checked
    # The same methods: then the second factor may be any of them, as in a usual sign-in.
    needs = registry.strongest(methods) if methods != accepted.enrolled.methods else None
    password = RightPassword(account.id, client, checked.is_known, needs)

    def accept() -> None:
        checked.settle()
        challenges.issue(accepted.challenge, password, now=checked.as_of)

    def record() -> None:
        audit.record("login.password_accepted", user_id=account.id, client=client, at=now)

    along = verifications.Along(accept, facts={"passwordAccepted": True}, record_alone=record)
    result = _with_methods(accepted, along, client)
    along.ensure()
    return result


def _with_methods(accepted: _Accepted, along: Along, client: ClientInfo) -> SignIn:
    """List the methods for the second step; if the default is the phone, send the code."""
    account, challenge = accepted.account, accepted.challenge
    default = defaults.of_user(accepted.enrolled, among=accepted.methods)
    result = SignIn(
        account.id,
        challenge=challenge,
        methods=accepted.methods,
        default_method=default,
        phone_number=account.phone_number,
    )
    if default is None:
        number = account.phone_number
        return replace(result, otp_error=verifications.find_refusal(number) if number else PhoneNumberMissing())
    if default not in verifications.CHANNELS:
        return result
    channel = Channel(default)
    try:
        to = replace(recipient(account, challenge.id, is_known=accepted.checked.is_known), along=along)
        channel = verifications.send(to, channel=channel, client=client).channel
    except OtpCooldown as refused:
        along.ensure()  # only a challenge that was issued can take an earlier code
        return _with_earlier_code(replace(result, channel=channel, otp_error=refused), challenge)
    except ServiceError as refused:
        # The password was right, so the sign-in stands: the client may request the code again or use another method.
        return replace(result, channel=channel, otp_error=refused)
    return replace(result, channel=channel)


def _with_earlier_code(result: SignIn, challenge: IssuedChallenge) -> SignIn:
    """Let the challenge take the code that keeps its own one from being sent, if it can still be entered (ADR 29)."""
    earlier = verifications.find_on_its_way(PhoneOwner(result.user_id).name, now=clock.now())
    if earlier is None:
        return result
    challenges.adopt(challenge, earlier.id)
    return replace(result, channel=earlier.via(), uses_earlier_code=True)


def recipient(account: Account, challenge_id: uuid.UUID, *, is_known: bool) -> Recipient:
    """Return the recipient of a code that signs the holder of a challenge in. Raises PhoneNumberMissing."""
    number = account.reachable_number()
    holder = Asker.HOLDER if is_known else Asker.UNKNOWN
    asker = holder if account.is_verified else Asker.NEW
    asker = Asker.BY_NAME if may_be_strangers_number(account) else asker
    return Recipient(
        PhoneOwner(account.id),
        number,
        Purpose.SIGN_IN,
        account.locale,
        challenge_id,
        asker,
        has_other_proof=account.is_verified or account.email_verified,
    )


def may_be_strangers_number(account: Account) -> bool:
    """Whether the account may have registered with a number that another account has verified (ADR 18)."""
    return settings().of(ExistenceSettings).hidden and not account.is_verified


def offer(challenge_token: str, factor: Factor, *, client: ClientInfo) -> dict[str, Any]:
    """Return what the client needs for this factor. Raises InvalidToken and what Factor.offer raises."""
    challenge = challenges.find_open(challenge_token, now=clock.now())
    return registry.offer(factor, _proof_request(challenge, client))


def complete(
    challenge_token: str, factor: Factor, response: dict[str, Any], *, remember: bool, client: ClientInfo
) -> Verified:
    """Check a factor and sign the holder of the challenge in; with `remember`, trust this device from now on.

    Raises InvalidToken, MethodNotEnrolled if the phone is not enough for this account, what the rules for unusual
    sign-ins raise, and what Factor.verify raises.
    """
    challenge = challenges.find_open(challenge_token, now=clock.now(), client=client)
    _judge_second_step(challenge, factor, client)
    # A hold that begins later voids the challenge.
    user_id, is_on_hold = challenge.account.id, challenge.account.is_on_hold(clock.now())
    acr = registry.level_of(factor, is_on_hold=is_on_hold)
    # MFA_BEYOND_PHONE or a hold: the phone signs in only while the user has no factor that reaches aal2. The same where
    # the user switched it off.
    is_weak = acr != "aal2" and acr != registry.best_level(registry.methods(user_id), is_on_hold=is_on_hold)
    if is_weak or (factor is PHONE and challenge.account.phone_off_at and registry.second_steps(user_id)):
        raise MethodNotEnrolled
    proof = _verify(challenge, factor, response, client)
    now = clock.now()
    with transaction():
        # The challenge first: it locks the account, and of parallel requests with one challenge lets one win.
        held = challenges.spend(challenge, now=now)
        facts = proof.redeem(client=client, now=now)
        users.mark_password_verified(challenge.account, now=now)
        is_undone = deletions.undo(challenge.account, client=client, now=now)
        # A code on the phone has just verified the number.
        is_verified = held.is_verified or factor.kind == PHONE.kind
        caller = Caller(user_id, ("pwd", *proof.amr), acr, now, is_verified)
        tokens = open_session(caller, client=client, facts=facts, others=challenge.others)
        device_token = trusted_devices.remember(user_id, client=client, now=now) if remember else None
        return Verified(
            user_id,
            tokens,
            device_token,
            # During a hold no factor can be set up, so none is asked for.
            enrolment_required=acr != "aal2" and not is_on_hold,
            deletion_cancelled=is_undone,
            recovery_hold_until=challenge.account.recovery_hold_until if is_on_hold else None,
        )


def require_strong_enough(challenge: OpenChallenge, factor: Factor) -> None:
    """Raise StrongestFactorRequired for a factor that an unusual sign-in does not take."""
    if not challenge.takes(factor):
        raise StrongestFactorRequired(registry.look_up(challenge.account.id).strongest)


def _judge_second_step(challenge: OpenChallenge, factor: Factor, client: ClientInfo) -> None:
    """Judge what comes from elsewhere again: the password may have been sent from where it raises no doubt."""
    require_strong_enough(challenge, factor)
    if challenge.comes_from(client):
        return
    user_id = challenge.account.id
    arrival = Arrival(user_id=user_id, client=client, at=clock.now(), others=challenge.others)
    if anomalies.judge(arrival).is_strict:
        strongest = registry.look_up(user_id).strongest
        if not set(strongest) & set(factor.method_names):
            raise StrongestFactorRequired(strongest)


def _arrival(user_id: int, client: ClientInfo, now: datetime, device_token: str | None = None) -> Arrival:
    """Return what the rules judge. The other accounts are counted if a strict rule compares them: by a statement."""
    is_counted = settings().of(AnomalySettings).is_strict("many_accounts")
    others = origins.others(user_id, client=client, now=now) if is_counted else Others()
    return Arrival(user_id=user_id, client=client, at=now, others=others, device_token=device_token)


def _judge_password(checked: Authenticated, arrival: Arrival) -> Verdict:
    try:
        return anomalies.judge(arrival)
    except SignInDenied:
        with transaction():
            checked.settle()  # the password was right, so it is no failure to wait for
        raise


def _verify(challenge: OpenChallenge, factor: Factor, response: dict[str, Any], client: ClientInfo) -> Proof:
    """Check the second step, outside the transaction: the factor may ask the provider (ADR 4)."""
    try:
        return factor.verify(_proof_request(challenge, client), response)
    except (NotAuthenticated, TooManyAttempts):
        unfinished.notify_of_failed(challenge, client=client, now=clock.now())
        raise


def _proof_request(challenge: OpenChallenge, client: ClientInfo) -> ProofRequest:
    user_id = challenge.account.id
    return ProofRequest(
        user_id=user_id,
        purpose=Purpose.SIGN_IN,
        bound_to=challenge.id,
        client=client,
        adopted_code=challenge.adopted_code,
    )


def sign_in_alone(alone: AloneSignIn, response: dict[str, Any], *, client: ClientInfo) -> Verified:
    """Sign in the user that a factor's response names, without a password.

    Raises what AloneSignIn.verify raises, its `refusal`, and SignInDenied.
    """
    proof = alone.verify(response, client)
    now = clock.now()
    arrival = _arrival(proof.user_id, client, now)
    if settings().of(AnomalySettings).is_any_strict:
        with transaction():
            _hold(alone, proof.user_id, now)  # first: a locked account is refused alike everywhere
        anomalies.judge(arrival)
    with transaction():
        account = _hold(alone, proof.user_id, now)
        facts = proof.redeem(client=client, now=now)
        is_undone = deletions.undo(account, client=client, now=now)
        caller = Caller(proof.user_id, proof.amr, "aal2", now, account.is_verified)
        tokens = open_session(caller, client=client, facts=facts, others=arrival.others)
        return Verified(proof.user_id, tokens, deletion_cancelled=is_undone)


def _hold(alone: AloneSignIn, user_id: int, now: datetime) -> Account:
    account = users.find_and_hold(user_id)
    if account is None or account.is_over(now):
        raise alone.refusal  # locked or deleted
    return account
