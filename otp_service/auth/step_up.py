"""Step-up: a fresh sign-in within a session, by a factor, and by the password where the factor alone is not enough."""

from typing import Any

from otp_service import sessions, verifications
from otp_service.accounts import authentication, numbers, users
from otp_service.accounts.errors import InvalidCredentials
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import registry, strength
from otp_service.factors.contract import ProofRequest
from otp_service.factors.errors import MethodNotEnrolled
from otp_service.factors.phone.codes import PhoneOwner
from otp_service.providers import Channel
from otp_service.sessions import Caller, Requirement, SteppedUp
from otp_service.verifications import Purpose, Recipient

PASSWORD = "password"  # noqa: S105 - a method
"""The method of an account without a second factor, such as one whose number another account has verified."""


def requirement_of(user_id: int) -> Requirement:
    """Return the highest level that the user's factors reach; the password's for a user without factors."""
    methods, account = registry.methods(user_id), users.find_by_id(user_id)
    is_on_hold = account is not None and account.is_on_hold(clock.now())
    strongest = registry.strongest(methods)
    return Requirement(
        acr=registry.best_level(methods, is_on_hold=is_on_hold),
        methods=methods or (PASSWORD,),
        beyond_password=bool(methods),
        held_until=account.recovery_hold_until if account is not None and is_on_hold else None,
        strongest=registry.as_strong_as(strongest, methods),
        strongest_amr=strength.values_reaching(strongest) if methods else frozenset(),
    )


def request_code(caller: Caller, *, channel: Channel | None, client: ClientInfo) -> verifications.Delivery:
    """Send a code that works in this session only.

    Raises InvalidToken, MethodNotEnrolled and what `verifications.send` raises.
    """
    account = users.get_bearer(caller.user_id)
    registry.require_phone(account.id)
    owner, number = PhoneOwner(account.id), account.reachable_number()
    bound_to, has_proof = caller.session_id, account.is_verified or account.email_verified
    recipient = Recipient(owner, number, Purpose.STEP_UP, account.locale, bound_to, has_other_proof=has_proof)
    return verifications.send(recipient, channel=channel, client=client)


def offer(caller: Caller, *, method: str, client: ClientInfo) -> dict[str, Any]:
    """Return what the client needs to step up by a method. Raises MethodNotEnrolled and what Factor.offer raises."""
    return registry.offer(registry.get_enrolled(caller.user_id, method), _proof_request(caller, client))


def step_up(
    caller: Caller, *, method: str, response: dict[str, Any], password: str | None, client: ClientInfo
) -> SteppedUp:
    """Check the password if the method needs it, then the factor, and mark the session as freshly signed in.

    Raises InvalidCredentials, AccountLocked (see `authenticate_again`), SlotsBusy, MethodNotEnrolled,
    what Factor.verify raises, InvalidToken.
    """
    account = users.get_bearer(caller.user_id)
    if method == PASSWORD:
        return _by_password(caller, account, password, client)
    factor = registry.get_enrolled(account.id, method)
    knows_password = factor.needs_password or password is not None
    if knows_password:
        _check_password(caller, account, password, client)
    proof = factor.verify(_proof_request(caller, client), response)
    now = clock.now()
    with transaction():
        # The account before the code, as in a sign-in: two requests that redeem one code cannot deadlock.
        is_on_hold = _hold(account).is_on_hold(now)
        facts = proof.redeem(client=client, now=now)
        if knows_password:
            users.mark_password_verified(account, now=now)
        is_verified = users.get(account.id).is_verified
        amr, acr = (*(("pwd",) if knows_password else ()), *proof.amr), registry.level_of(factor, is_on_hold=is_on_hold)
        renewed = Caller(account.id, amr, acr, now, is_verified, caller.session_id)
        return sessions.strengthen(renewed, client=client, facts=facts)


def _by_password(caller: Caller, account: Account, password: str | None, client: ClientInfo) -> SteppedUp:
    if registry.methods(account.id):
        raise MethodNotEnrolled  # an account with a second factor must use it
    _check_password(caller, account, password, client)
    now = clock.now()
    with transaction():
        _hold(account)
        renewed = Caller(account.id, ("pwd",), "aal1", now, account.is_verified, caller.session_id)
        return sessions.strengthen(renewed, client=client)


def _check_password(caller: Caller, account: Account, password: str | None, client: ClientInfo) -> None:
    if password is None:
        raise InvalidCredentials.of_signed_in()
    authentication.confirm_password(account, password, session_id=caller.session_id, client=client)


def _hold(account: Account) -> Account:
    """Lock the account, after the turn of its number: the proof may verify the number (ADR 17)."""
    numbers.queue(account)
    return users.hold_bearer(account.id)


def _proof_request(caller: Caller, client: ClientInfo) -> ProofRequest:
    purpose, session_id = Purpose.STEP_UP, caller.session_id
    return ProofRequest(user_id=caller.user_id, purpose=purpose, bound_to=session_id, client=client)
