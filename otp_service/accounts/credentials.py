"""Checks and makes password hashes, in bounded numbers, taking the same time whether or not the account exists."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from flask import current_app
from sqlalchemy import Select, select, update

from otp_service import audit
from otp_service.accounts import notices, throttle, users
from otp_service.accounts.breached import is_breached
from otp_service.accounts.errors import InvalidCredentials
from otp_service.accounts.models import User
from otp_service.accounts.passwords import PasswordPolicy, check_policy
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.crypto import hashing
from otp_service.core.crypto.hash_slots import HashSlots, SlotsBusy
from otp_service.core.crypto.low_priority import LowPriorityThreads
from otp_service.core.database.prepared import Given, prepared
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.core.errors import InvalidInput
from otp_service.core.settings import settings
from otp_service.core.web.tracing import ClientInfo, concerns

T = TypeVar("T")


def hash_password(password: str, *, field: str = "password") -> str:
    """A new hash at the configured cost, for a password that passed the policy.

    Raises InvalidInput about `field` for one that the breach look-up knows, SlotsBusy (503) when too many wait.
    """
    lookup = settings().breach_lookup_url
    if lookup and is_breached(password, base_url=lookup):
        raise InvalidInput(fields={field: ["Password is known from a data breach: choose another one."]})
    cost = settings().password_salt_rounds
    return bounded(lambda: hashing.hash_password(password, cost=cost))


def bounded(act: Callable[[], T]) -> T:
    """What `act` returns, which hashes about as much as one password takes: in a slot, aside. Raises SlotsBusy."""
    with _slots().hold():
        return _aside(act)


def refuse_when_full() -> None:
    """Raise SlotsBusy before anything is written that `bounded` would make vain."""
    _slots().refuse_when_full()


def faults_of(password: str, *, email: str, phone_number: str | None) -> list[str]:
    """What is wrong with a new password by the settings; see passwords.check_policy."""
    policy = PasswordPolicy(
        minimum_length=settings().password_minimum_length,
        requires_character_classes=settings().password_requires_classes,
    )
    return check_policy(password, email=email, phone_number=phone_number, policy=policy)


def hash_for(password: str, *, email: str, phone_number: str | None) -> str:
    """A hash of a new password for the owner of an address and a number.

    Raises InvalidInput about newPassword for one that may not be used, SlotsBusy.
    """
    faults = faults_of(password, email=email, phone_number=phone_number)
    if faults:
        raise InvalidInput(fields={"newPassword": faults})
    return hash_password(password, field="newPassword")


def authenticate(*, email: str, password: str, client: ClientInfo) -> Account:
    """The user whose password this is. Raises InvalidCredentials, AccountLocked, SlotsBusy.

    A canonical address that nobody has, a wrong password and an account locked by an operator cost the same hash
    and give the same error.
    """
    refuse_when_full()  # who finds the queue full writes nothing
    now = clock.now()
    subject = throttle.subject_of(email)
    row = fetch_one(*_stored(email))
    if row is not None:
        concerns(row.id)
    failures = throttle.take(subject, now=now)
    is_locked = row is not None and row.locked_at is not None
    try:
        matches, upgraded = _check(password, row.password_hash if row else None, may_upgrade=not is_locked)
    except SlotsBusy:
        with transaction():
            throttle.give_back(subject, taken_at=now)
        raise
    if row is None or not matches or is_locked:
        _record_failure(row.id if row else None, failures, client, now)
        raise InvalidCredentials
    _record_success(row.id, subject, row.password_hash, upgraded)
    return users.get(row.id)


@prepared
def _stored(email: Given) -> Select[Any]:
    return select(User.id, User.password_hash, User.locked_at).where(User.email == email)


def _check(password: str, stored: str | None, *, may_upgrade: bool) -> tuple[bool, str | None]:
    """Whether it matches, and a new hash when the stored one is of an older kind or a lower cost.

    Not for a locked account: the longer wait would confirm the password.
    """
    cost = settings().password_salt_rounds
    with _slots().hold():
        result = _aside(lambda: hashing.verify_password(password, stored, cost=cost))
        is_due = may_upgrade and result.matches and result.needs_upgrade
        upgraded = _aside(lambda: hashing.hash_password(password, cost=cost)) if is_due else None
    return result.matches, upgraded


def _record_failure(user_id: int | None, failures: int, client: ClientInfo, now: datetime) -> None:
    with transaction():
        audit.record("login.failed", user_id=user_id, client=client, at=now, inARow=failures)
        if throttle.starts_a_wait(failures):
            audit.record("login.wait_started", user_id=user_id, client=client, at=now, inARow=failures)
            if user_id is not None:
                users.void_challenges(user_id, now=now)
                _tell_of_first_wait(user_id, failures, client, now)


def _tell_of_first_wait(user_id: int, failures: int, client: ClientInfo, now: datetime) -> None:
    if throttle.is_first_wait(failures) and users.find_and_hold(user_id) is not None:
        notices.notify(user_id, "lockout", now=now, client=client)


def _record_success(user_id: int, subject: str, stored: str, upgraded: str | None) -> None:
    """The upgrade is written only over the hash that was checked: a password changed meanwhile stays."""
    with transaction():
        throttle.clear(subject)
        if upgraded is not None:
            is_unchanged = (User.id == user_id) & (User.password_hash == stored)
            execute(update(User).where(is_unchanged).values(password_hash=upgraded))


def _aside(act: Callable[[], T]) -> T:
    """Hash where it keeps no other request waiting for the processor."""
    threads: LowPriorityThreads = current_app.extensions["hash_threads"]
    return threads.run(act)


def _slots() -> HashSlots:
    slots: HashSlots = current_app.extensions["hash_slots"]
    return slots
