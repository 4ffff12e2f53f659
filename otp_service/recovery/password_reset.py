"""Resets a forgotten password: a code on the phone, a second factor for accounts that have one, then a new password.

Only an account with a verified number can be recovered. The number of any other account may be a stranger's phone.
"""

import logging
import uuid
from dataclasses import dataclass
from typing import Any

from otp_service import audit, sessions, verifications
from otp_service.accounts import known_clients, notices, password_hashing, users
from otp_service.accounts.errors import UserNotFound
from otp_service.accounts.users import Account
from otp_service.core import background, clock
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import Forbidden, TooMany
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import registry, throttle, trusted_devices
from otp_service.factors.contract import Proof, ProofRequest
from otp_service.factors.phone import codes
from otp_service.factors.phone.codes import PhoneOwner, PhoneProof
from otp_service.sinch import Channel
from otp_service.verifications import Asker, Purpose, Recipient, limits
from otp_service.verifications.errors import DestinationNotAllowed, OtpInvalid

log = logging.getLogger(__name__)


class SecondFactorRequired(Forbidden):
    """The code was right and stays valid; the account needs another of its factors as well."""

    code = "second_factor_required"
    title = "Prove a second factor as well to reset your password."


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A method, and the client's response by it as the factor's schema loaded it."""

    method: str
    response: dict[str, Any]


def request(*, email: str, client: ClientInfo, device_token: str | None = None) -> None:
    """Send a code to the phone of the account with a canonical address, after the response.

    The response is the same if there is no such account, or if a limit forbids the message.
    """
    try:
        # By the address as given: a limit that only accounts reach would reveal them (ADR 13, ADR 18).
        limits.take_named_send(Purpose.PASSWORD_RESET, email, ip=client.ip, now=clock.now())
    except TooMany as refused:
        log.info("password.reset_not_sent", extra={"code": refused.code})
        # Only strangers may be refused: a client that the account knows has the owner's share (ADR 13).
        background.run_later("password reset", lambda: _send(email, client, device_token, is_refused=True))
        return
    background.run_later("password reset", lambda: _send(email, client, device_token))


def _send(email: str, client: ClientInfo, device_token: str | None, *, is_refused: bool = False) -> None:
    is_known = known_clients.is_known(email, device_token=device_token, client=client, now=clock.now())
    account = _find_recoverable(email)
    if account is None or (is_refused and not is_known):
        return
    with transaction():
        audit.record("password.reset_requested", user_id=account.id, client=client, at=clock.now())
    owner, number = PhoneOwner(account.id), account.reachable_number()
    asker = Asker.HOLDER if is_known else Asker.BY_NAME
    recipient = Recipient(owner, number, Purpose.PASSWORD_RESET, account.locale, asker=asker)
    verifications.send(recipient, channel=_channel(number), client=client)


def _channel(phone_number: str) -> Channel:
    """Choose SMS, or a call for a fixed line."""
    try:
        verifications.check_destination(phone_number, Channel.SMS)
    except DestinationNotAllowed:
        return Channel.CALLOUT
    return Channel.SMS


def confirm(*, email: str, code: str, new_password: str, second: SecondFactor | None, client: ClientInfo) -> None:
    """Set the password, end all sessions and trusted devices, and void all challenges. No session starts.

    Also ends the wait after wrong passwords, and enables factors that wrong codes disabled.

    Raises OtpInvalid, alike and after the same time for an unknown address, an account without a code and a wrong code;
    TooManyAttempts, ProviderUnavailable, ProviderRefused. Only after a right code, which stays valid:
    SecondFactorRequired, what Factor.verify raises, InvalidInput about the password, SlotsBusy.
    """
    account, proof = codes.check_by_name(
        Purpose.PASSWORD_RESET, email, lambda: _check(email, code, client), client=client
    )
    second_proof = _check_second(account.id, second, code_id=proof.verification_id, client=client)
    # The policy compares the password with the account's number, so its faults may go only to the holder of that phone.
    password_hash = password_hashing.hash_for(new_password, email=account.email, phone_number=account.phone_number)
    _set(account.id, password_hash, (proof, second_proof), client)


def _check(email: str, code: str, client: ClientInfo) -> tuple[Account, PhoneProof]:
    account = _find_recoverable(email)
    if account is None:
        raise UserNotFound
    asker, purpose = Asker.BY_NAME, Purpose.PASSWORD_RESET
    return account, codes.prove(account.id, code=code, purpose=purpose, client=client, asker=asker)


def _check_second(user_id: int, second: SecondFactor | None, *, code_id: uuid.UUID, client: ClientInfo) -> Proof | None:
    """Check the second factor; None for an account without one. Call it only after a right code.

    The phone does not count twice; a backup code counts. Raises SecondFactorRequired and what Factor.verify raises.
    """
    if not registry.second_steps(user_id):
        return None
    # Bound to the code: what was offered for another reset does not serve here.
    proof_request = ProofRequest(user_id=user_id, purpose=Purpose.PASSWORD_RESET, bound_to=code_id, client=client)
    methods = registry.methods_without_phone(user_id)
    if second is None or second.method not in methods:
        raise SecondFactorRequired(extra={"methods": list(methods), "options": _options(proof_request, methods)})
    return registry.verify(proof_request, method=second.method, response=second.response)


def _options(proof_request: ProofRequest, methods: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return by method what the client needs before it can respond."""
    factors = {method: registry.get(method) for method in methods}
    return {method: registry.offer(factor, proof_request) for method, factor in factors.items() if factor.offer}


def _set(user_id: int, password_hash: str, proofs: tuple[PhoneProof, Proof | None], client: ClientInfo) -> None:
    """Redeem the proofs and set the password in one transaction."""
    now = clock.now()
    proof, second_proof = proofs
    with transaction():
        account = users.find_and_hold(user_id)
        # Under the lock: an account that lost the number while the password was hashed must not be opened by its new
        # owner's code (ADR 17).
        if account is None or not _is_recoverable(account) or account.phone_number != proof.phone_number:
            raise OtpInvalid
        proof.redeem(client=client, now=now)
        if second_proof is not None:
            second_proof.redeem(client=client, now=now)
        users.set_password_hash(user_id, password_hash, now=now)
        sessions.end_all(user_id, now=now)
        trusted_devices.end_all(user_id, now=now)
        # What an intruder's sign-ins made known is unknown again; this client has just shown the phone (ADR 36).
        known_clients.forget_all(user_id, now=now)
        known_clients.remember_verified(user_id, client=client, now=now)
        throttle.enable(user_id)
        amr = list(second_proof.amr) if second_proof is not None else []
        audit.record("password.reset", user_id=user_id, client=client, at=now, secondFactor=amr)
        notices.notify(user_id, "recovery", now=now, client=client)


def _find_recoverable(email: str) -> Account | None:
    account = users.find_by_email(email)
    return account if account is not None and _is_recoverable(account) else None


def _is_recoverable(account: Account) -> bool:
    """Whether the account's number is verified, and no operator locked the account."""
    return account.locked_at is None and account.is_verified and bool(account.phone_number)
