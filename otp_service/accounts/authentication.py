"""Checks the password of an account; an unknown address costs the same time and gives the same error."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Row, Select, select, update

from otp_service import audit
from otp_service.accounts import earned, known_clients, notices, password_hashing, throttle, users
from otp_service.accounts.errors import InvalidCredentials
from otp_service.accounts.known_clients import Lane
from otp_service.accounts.models import User
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.crypto.hash_slots import Place, SlotsBusy
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.core.web.tracing import ClientInfo, concerns


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A user whose password was right, and whether the account knows the client (see `known_clients`).

    `as_of` is the moment at which the password was read. It follows every void that was in force then (ADR 28).
    """

    user_id: int
    is_known: bool
    as_of: datetime
    settle: Callable[[], None]
    """Forget the failures before, in the open transaction of what the password leads to."""


def authenticate(*, email: str, password: str, client: ClientInfo, device_token: str | None = None) -> Authenticated:
    """Return the user with this canonical address and password.

    Settle it in the transaction of what it leads to.

    Raises InvalidCredentials, alike for an unknown address, a wrong password and an account that an operator locked;
    AccountLocked while the wait after failures runs; SlotsBusy.
    """
    # First of all: a request that the queue has no place for writes nothing and costs no connection.
    with password_hashing.queue_up() as place:
        now = clock.now()
        row = fetch_one(*_stored(email, *known_clients.values(client, now=now)))
        lane = known_clients.lane_of(row, email=email, device_token=device_token, client=client, now=now)
        return _check(row, password, lane, _Asking(client, now, place))


def confirm_password(account: Account, password: str, *, session_id: uuid.UUID, client: ClientInfo) -> None:
    """Check the password of a signed-in person. Raises InvalidCredentials, AccountLocked, SlotsBusy.

    From a known network failures count with the sign-ins from there. Any other session has a count of its own:
    strangers who guess elsewhere must not keep the person from an act that needs the password (ADR 36).
    """
    with password_hashing.queue_up() as place:
        now = clock.now()
        row = fetch_one(*_stored(account.email, *known_clients.values(client, now=now)))
        lane = known_clients.lane_of(row, email=account.email, device_token=None, client=client, now=now)
        if not lane.is_known:
            lane = Lane(throttle.subject_of_user(account.id, f"session {session_id}"))
        try:
            checked = _check(row, password, lane, _Asking(client, now, place))
        except InvalidCredentials as error:
            raise InvalidCredentials.of_signed_in() from error
    with transaction():
        checked.settle()


@dataclass(frozen=True, slots=True)
class _Asking:
    """Who asks, when, and the place in the queue for hashes."""

    client: ClientInfo
    now: datetime
    place: Place


def _check(row: Row[Any] | None, password: str, lane: Lane, asking: _Asking) -> Authenticated:
    client, now = asking.client, asking.now
    if row is not None:
        concerns(row.id)
    # Counted and committed before the hash, so that parallel guesses cannot all pass the same count (ADR 7).
    failures = throttle.take(lane.subject, now=now)
    is_locked = row is not None and row.locked_at is not None
    try:
        # No upgrade for a locked account: the time of a second hash would confirm the password.
        matches, upgraded = password_hashing.compare(
            password, row.password_hash if row else None, may_upgrade=not is_locked, place=asking.place
        )
    except SlotsBusy:
        with transaction():
            throttle.give_back(lane.subject, taken_at=now)
        raise
    if row is None or not matches or is_locked:
        _record_failure(row.id if row else None, failures, lane, client, now)
        raise InvalidCredentials
    user_id, stored = row.id, row.password_hash
    settle = partial(_settle, user_id, lane.subject, stored, upgraded)
    return Authenticated(user_id, lane.is_known, _as_of(row, now), settle)


def _as_of(row: Row[Any] | None, now: datetime) -> datetime:
    # A machine whose clock is ahead may have recorded a void that seems to lie in the future.
    voids: tuple[datetime | None, ...] = ()
    if row is not None:
        voids = (row.challenges_void_before, row.strangers_void_before)
    return max([now, *(void + earned.TICK for void in voids if void is not None)])


@prepared
def _stored(email: Given, network: Given, seen_after: Given, verified_after: Given) -> Select[Any]:
    """Read the account and whether it knows the client in one statement: a sign-in has none to spend."""
    known = known_clients.columns(network, seen_after, verified_after)
    voids = (User.challenges_void_before, User.strangers_void_before)
    return select(User.id, User.password_hash, User.locked_at, *voids, *known).where(User.email == email)


def _record_failure(user_id: int | None, failures: int, lane: Lane, client: ClientInfo, now: datetime) -> None:
    with transaction():
        if user_id is None:
            # One row for an address and hour: made-up names must not fill the trail.
            audit.record_strangers("login.failed", client=client, at=now, inARow=failures)
            return
        audit.record("login.failed", user_id=user_id, client=client, at=now, inARow=failures)
        if throttle.starts_a_wait(failures):
            audit.record("login.wait_started", user_id=user_id, client=client, at=now, inARow=failures)
            # A guessed password must not have earned a challenge that outlives the wait. But a stranger's guesses must
            # not end the sign-in of a client that the account knows.
            void = earned.void_challenges if lane.is_known else earned.void_challenges_of_strangers
            void(user_id, now=now)
            _notify_of_first_wait(user_id, failures, client, now)


def _notify_of_first_wait(user_id: int, failures: int, client: ClientInfo, now: datetime) -> None:
    if throttle.is_first_wait(failures) and users.find_and_hold(user_id) is not None:
        notices.notify(user_id, "lockout", now=now, client=client)


def _settle(user_id: int, subject: str, stored: str, upgraded: str | None) -> None:
    throttle.clear(subject)
    if upgraded is not None:
        # Only over the hash that was compared: a password that was set meanwhile stays (ADR 3).
        is_unchanged = (User.id == user_id) & (User.password_hash == stored)
        execute(update(User).where(is_unchanged).values(password_hash=upgraded))
