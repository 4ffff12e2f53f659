"""Hashes and compares passwords, in bounded numbers and at low priority, so that other requests stay fast."""

from collections.abc import Callable
from typing import TypeVar

from otp_service.accounts.password_policy import faults_of, is_breached
from otp_service.core.crypto import hashing
from otp_service.core.crypto.hash_slots import HashSlots
from otp_service.core.errors import InvalidInput
from otp_service.core.services import services, settings

T = TypeVar("T")


def hash_password(password: str, *, field: str = "password") -> str:
    """Return a hash at the configured cost, for a password that passed the policy.

    Raises InvalidInput about `field` if the password is known from a breach, SlotsBusy (503) if too many requests wait.
    """
    # Outside the slot: a slow look-up must not keep others from hashing.
    lookup = settings().passwords.breach_lookup_url
    if lookup and is_breached(password, base_url=lookup):
        raise InvalidInput(fields={field: ["Password is known from a data breach: choose another one."]})
    cost = settings().passwords.salt_rounds
    return bounded(lambda: hashing.hash_password(password, cost=cost))


def hash_for(password: str, *, email: str, phone_number: str | None) -> str:
    """Return a hash of a new password for the owner of an address and a number.

    Raises InvalidInput about newPassword if the policy rejects the password, SlotsBusy.
    """
    faults = faults_of(password, email=email, phone_number=phone_number)
    if faults:
        raise InvalidInput(fields={"newPassword": faults})
    return hash_password(password, field="newPassword")


def compare(password: str, stored: str | None, *, may_upgrade: bool) -> tuple[bool, str | None]:
    """Return whether the password matches, and a new hash if the stored one is of an older kind or a lower cost.

    Without a stored hash it takes the same time. Raises SlotsBusy.
    """
    cost = settings().passwords.salt_rounds
    with _slots().hold():
        result = _aside(lambda: hashing.verify_password(password, stored, cost=cost))
        is_due = may_upgrade and result.matches and result.needs_upgrade
        # In the same slot: after a right password, the upgrade must neither wait again nor be rejected.
        upgraded = _aside(lambda: hashing.hash_password(password, cost=cost)) if is_due else None
    return result.matches, upgraded


def bounded(act: Callable[[], T]) -> T:
    """Run `act`, which hashes about as much as one password takes, in a slot. Raises SlotsBusy."""
    with _slots().hold():
        return _aside(act)


def refuse_when_full() -> None:
    """Raise SlotsBusy if `bounded` would, so that the caller can stop before it writes anything."""
    _slots().refuse_when_full()


def _aside(act: Callable[[], T]) -> T:
    """Run `act` in a thread of low priority, so that no other request waits for the processor."""
    return services().hash_threads.run(act)


def _slots() -> HashSlots:
    return services().hash_slots
