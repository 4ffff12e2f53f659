"""Requests with an `Idempotency-Key`: each is done once, and its response is given again for 24 hours (ADR 31).

A key belongs to an app and to one request. The first request claims it. The others wait for its response, without a
transaction. If it never comes, because a process died, the next one claims the key again and finds by the id of the
claim what the first one had done.
"""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Semaphore
from typing import Any

from sqlalchemy import Row, Select, Update, delete, select, update

from otp_service.backends.verifications.errors import IdempotencyKeyReused, RequestInProgress
from otp_service.backends.verifications.models import AppRequest
from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, fetch_one, transaction, upsert

KEPT_FOR = timedelta(hours=24)
CLAIMED_FOR = timedelta(seconds=3)
"""After so long without a response, another request may take over. To do so is safe at any time: see `Claim`."""

WAIT_SECONDS = 6.0
"""How long a request waits for the response to an equal one. It outlasts a claim, so a crash costs one wait."""

_WAITERS = Semaphore(96)
"""Requests of this process that wait at once. More get `request_in_progress`: others need threads, too."""

_PAUSES = (0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request: the app's key for it, what it asks for, and the verification that it is about (None: a new one)."""

    app_id: int
    key: str
    text: str
    verification_id: uuid.UUID | None

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The keyed hash of the request under each encryption key: it holds a phone number or a code."""
        return keyring().digests(self.text, purpose="request of an app")


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do a request. `id` is the same for all that do it, and names what it makes.

    Two that do it at once make one thing: a second row of the same id cannot be added. `is_repeated` says that another
    may have done some of it.
    """

    id: uuid.UUID
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """The response to a request, as it was given."""

    status: int
    media_type: str
    text: str


def unrepeatable() -> Claim:
    """Return the claim of a request without a key: it is another one each time."""
    return Claim(uuid.uuid4())


def claim(wanted: Wanted, *, wait_seconds: float = WAIT_SECONDS) -> Claim | Stored:
    """Return the right to do the request, or the response that it had.

    Waits while another one does it. Raises IdempotencyKeyReused, and RequestInProgress after `wait_seconds`.
    """
    found = _claim_now(wanted)
    if found is not None:
        return found
    if not _WAITERS.acquire(blocking=False):
        raise RequestInProgress
    try:
        for _ in _moments(wait_seconds):
            found = _claim_now(wanted)
            if found is not None:
                return found
    finally:
        _WAITERS.release()
    raise RequestInProgress(retry_after_seconds=CLAIMED_FOR.total_seconds())


def finish(claimed: Claim, response: Stored) -> Stored:
    """Store the response, unless another request has stored one; return the one that is stored."""
    sealed = keyring().seal(response.text, context=_context(claimed.id))
    values = {"status": response.status, "media_type": response.media_type, "response": sealed}
    with transaction():
        if execute(*_unanswered(claimed.id, **values)).rowcount == 1:
            return response
        row = fetch_one(select(*_COLUMNS).where(AppRequest.id == claimed.id))
    # Gone where the verification was erased meanwhile.
    return response if row is None else _stored(row)


def put_back(claimed: Claim) -> None:
    """Let the next request go on at once: what this one did is not known, and is found by the id of the claim."""
    with transaction():
        execute(*_unanswered(claimed.id, claimed_at=clock.now() - CLAIMED_FOR))


def drop(claimed: Claim) -> None:
    """Forget the request: no message left for it, so the next one with its key begins from the start."""
    with transaction():
        execute(delete(AppRequest).where(AppRequest.id == claimed.id, AppRequest.status.is_(None)))


def forget_about(verification_id: uuid.UUID) -> None:
    """Delete the responses about a verification, in the open transaction."""
    execute(delete(AppRequest).where(AppRequest.verification_id == verification_id))


def forget(before: datetime) -> int:
    """Delete requests that came before a time; return how many."""
    return delete_in_batches(AppRequest, AppRequest.created_at < before)


def _moments(seconds: float) -> Iterator[None]:
    """Yield after each pause, until the wait is over: quickly at first, since most responses come within a moment."""
    deadline = time.monotonic() + seconds
    pauses = iter(_PAUSES)
    pause = 0.0
    while time.monotonic() < deadline:
        pause = next(pauses, pause)
        time.sleep(pause)
        yield


def _claim_now(wanted: Wanted) -> Claim | Stored | None:
    """Return the claim or the response; None while another request has the claim."""
    now = clock.now()
    row = fetch_one(*_of_key(wanted.app_id, wanted.key))
    if row is not None and row.created_at <= now - KEPT_FOR:
        with transaction():
            execute(delete(AppRequest).where(AppRequest.id == row.id, AppRequest.created_at <= now - KEPT_FOR))
        row = None
    if row is None:
        return _first_claim(wanted, now)
    if row.fingerprint not in wanted.fingerprints:
        raise IdempotencyKeyReused
    if row.status is not None:
        return _stored(row)
    if row.claimed_at > now - CLAIMED_FOR:
        return None
    with transaction():
        # One conditional update: of the requests that find an abandoned claim, one takes it over (ADR 31).
        has_claimed = execute(*_abandoned(row.id, row.claimed_at, claimed_at=now)).rowcount == 1
    return Claim(row.id, is_repeated=True) if has_claimed else None


def _first_claim(wanted: Wanted, now: datetime) -> Claim | None:
    made = uuid.uuid4()
    values = {
        "id": made,
        "app_id": wanted.app_id,
        "key": wanted.key,
        "fingerprint": wanted.fingerprints[0],
        "verification_id": wanted.verification_id or made,
        "created_at": now,
        "claimed_at": now,
    }
    with transaction():
        # The unique key of app and text decides between parallel requests (ADR 31).
        is_first = execute(upsert(AppRequest).values(**values).on_conflict_do_nothing()).rowcount == 1
    return Claim(made) if is_first else None


def _stored(row: Row[Any]) -> Stored:
    return Stored(row.status, row.media_type, keyring().open(row.response, context=_context(row.id)))


_COLUMNS = (
    AppRequest.id,
    AppRequest.fingerprint,
    AppRequest.created_at,
    AppRequest.claimed_at,
    AppRequest.status,
    AppRequest.media_type,
    AppRequest.response,
)


@prepared
def _of_key(app_id: Given, key: Given) -> Select[Any]:
    return select(*_COLUMNS).where(AppRequest.app_id == app_id, AppRequest.key == key)


@prepared
def _unanswered(request_id: Given) -> Update:
    return update(AppRequest).where(AppRequest.id == request_id, AppRequest.status.is_(None))


@prepared
def _abandoned(request_id: Given, claimed_at: Given) -> Update:
    is_as_read = (AppRequest.id == request_id) & (AppRequest.claimed_at == claimed_at)
    return update(AppRequest).where(is_as_read, AppRequest.status.is_(None))


def _context(request_id: uuid.UUID) -> str:
    return f"app_requests.response:{request_id}"
