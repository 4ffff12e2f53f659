"""Undoes a change of number with the token from its e-mail, and with a proof besides the mailbox (ADR 32)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from otp_service import audit, sessions, verifications
from otp_service.accounts import authentication, earlier_numbers, links, notices, numbers, users
from otp_service.accounts.earlier_numbers import Change
from otp_service.accounts.errors import InvalidCredentials
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import registry, trusted_devices
from otp_service.factors.contract import Proof, ProofRequest
from otp_service.factors.errors import MethodNotEnrolled
from otp_service.sessions.errors import InvalidToken
from otp_service.verifications import Purpose

FROZEN_BECAUSE = "undo_without_proof"
"""The reason of the lock, as `flask users show` names it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows that the account's owner holds the link: the password, or a response by a method but the phone."""

    password: str | None = None
    method: str | None = None
    response: dict[str, Any] = field(default_factory=dict)


def offer(token: str, *, client: ClientInfo) -> dict[str, Any]:
    """Return the methods that an undo accepts besides the password, and what a client needs for them.

    Raises InvalidToken.
    """
    change = earlier_numbers.get(token, now=clock.now())
    methods = registry.methods_without_phone(_owner_of(change).id)
    factors = {method: registry.get(method) for method in methods}
    request = _proof_request(change, client)
    options = {method: registry.offer(factor, request) for method, factor in factors.items() if factor.offer}
    return {"methods": list(methods), "options": options}


def undo(token: str, *, evidence: Evidence, client: ClientInfo) -> bool:
    """Give the earlier number back as verified, and end every session; return True. No new session starts.

    Without evidence it freezes the account for the operator and returns False: the mailbox and the earlier phone may be
    in one thief's hands. Raises InvalidToken, InvalidCredentials, AccountLocked, SlotsBusy, MethodNotEnrolled, what
    Factor.verify raises, and PhoneNumberTaken if another account has verified the number since. The link works once; a
    wrong password or response does not spend it.
    """
    change = earlier_numbers.get(token, now=clock.now())
    account = _owner_of(change)
    if evidence.password is None and evidence.method is None:
        _freeze(change, client)
        return False
    proof = _check(account, change, evidence, client)
    now = clock.now()
    with transaction():
        # First of all: it takes the turn of the number, before the rows that the rest locks (ADR 17).
        numbers.restore(account.id, phone_number=change.earlier_number, now=now)
        held = users.find_and_hold(account.id)
        # Under the lock: a lock or a new password while the evidence was checked.
        has_new_password = held is None or held.password_changed_at != account.password_changed_at
        if held is None or (evidence.password is not None and has_new_password):
            raise InvalidCredentials
        facts = {} if proof is None else proof.redeem(client=client, now=now)
        earlier_numbers.close(change)
        _end_access(change, now)
        audit.record("phone.change_undone", user_id=account.id, client=client, at=now, **facts)
        notices.notify(account.id, "phone_changed", now=now, client=client, phone_number=change.earlier_number)
    return True


def _owner_of(change: Change) -> Account:
    account = users.get_bearer(change.user_id)
    if account.locked_at is not None:
        raise InvalidToken
    return account


def _check(account: Account, change: Change, evidence: Evidence, client: ClientInfo) -> Proof | None:
    """Check the password, the response by a factor, or both; return the proof of the factor."""
    if evidence.password is not None:
        authentication.authenticate(email=account.email, password=evidence.password, client=client)
    if evidence.method is None:
        return None
    # Never the phone: the number of now may be the intruder's, and the earlier one a thief's.
    if evidence.method not in registry.methods_without_phone(account.id):
        raise MethodNotEnrolled
    return registry.verify(_proof_request(change, client), method=evidence.method, response=evidence.response)


def _proof_request(change: Change, client: ClientInfo) -> ProofRequest:
    return ProofRequest(user_id=change.user_id, purpose=Purpose.PHONE_UNDO, bound_to=change.id, client=client)


def _freeze(change: Change, client: ClientInfo) -> None:
    """Lock the account for the operator, leave its number as it is, and notify every address."""
    now = clock.now()
    with transaction():
        pending = links.pending_addresses(change.user_id, now=now)
        users.freeze(change.user_id, reason=FROZEN_BECAUSE, client=client, now=now)
        earlier_numbers.close(change)
        # Every link: after the operator has decided, none of them may freeze the account again.
        earlier_numbers.close_all(change.user_id)
        trusted_devices.end_all(change.user_id, now=now)
        notices.notify_everywhere(change.user_id, "account_frozen", now=now, client=client, pending=pending)


def _end_access(change: Change, now: datetime) -> None:
    owner = verifications.owner_of_user(change.user_id)
    verifications.end_codes_of_others(change.earlier_number, owner=owner, now=now)
    trusted_devices.end_all(change.user_id, now=now)
    sessions.end_all(change.user_id, now=now)
