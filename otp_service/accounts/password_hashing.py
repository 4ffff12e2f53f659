"""Hashes and compares passwords, in bounded numbers and at low priority, so that other requests stay fast."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import ParamSpec, TypeVar

from otp_service.accounts.password_policy import faults_of, is_breached
from otp_service.core.crypto import hashing
from otp_service.core.crypto.hash_slots import HashSlots, Place
from otp_service.core.errors import InvalidInput
from otp_service.core.services import services, settings
from otp_service.core.web.callers import is_connected

P = ParamSpec("P")
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


def compare(password: str, stored: str | None, *, may_upgrade: bool, place: Place) -> tuple[bool, str | None]:
    """Return whether the password matches, and a new hash if the stored one is of an older kind or a lower cost.

    Without a stored hash it takes the same time. Raises SlotsBusy.
    """
    cost = settings().passwords.salt_rounds
    with _slots().hold(place):
        result = _aside(lambda: hashing.verify_password(password, stored, cost=cost))
        is_due = may_upgrade and result.matches and result.needs_upgrade
        # In the same slot: after a right password, the upgrade must neither wait again nor be rejected.
        upgraded = _aside(lambda: hashing.hash_password(password, cost=cost)) if is_due else None
    return result.matches, upgraded


def refused_early(view: Callable[P, T]) -> Callable[P, T]:
    """Refuse a request for which the queue has no place before its body is read: in a flood, refusals must cost little.

    The view takes the place itself, and may still be refused. Raises SlotsBusy.
    """

    @wraps(view)
    def with_room(*args: P.args, **kwargs: P.kwargs) -> T:
        _slots().require_room()
        return view(*args, **kwargs)

    return with_room


def queue_up() -> AbstractContextManager[Place]:
    """Take a place in the queue, before anything is written that a full queue would undo. Raises SlotsBusy."""
    return _slots().place(is_connected())


def bounded(act: Callable[[], T], *, place: Place | None = None) -> T:
    """Run `act`, which hashes about as much as one password takes, in a slot. Raises SlotsBusy."""
    if place is None:
        with queue_up() as taken:
            return bounded(act, place=taken)
    with _slots().hold(place):
        return _aside(act)


def _aside(act: Callable[[], T]) -> T:
    """Run `act` in a thread of low priority, so that no other request waits for the processor."""
    return services().hash_threads.run(act)


def _slots() -> HashSlots:
    return services().hash_slots
