"""Reads and writes verifications of backends, and says how each one stands."""

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, Update, delete, select, update

from otp_service.backends.verifications.errors import VerificationNotFound
from otp_service.backends.verifications.models import ATTEMPTS, AppVerification, Status
from otp_service.core import phone
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, execute_later, fetch_all, fetch_one
from otp_service.core.services import settings
from otp_service.verifications import bound
from otp_service.verifications.bound import Message
from otp_service.verifications.states import State

PAGE = 50
RESENDS_FOR = timedelta(hours=1)
"""How long after its start a verification may get further messages."""


OPEN = (Status.PENDING, Status.UNDELIVERED)
"""Another message may be sent for these. A code works for PENDING alone."""

_OF_MESSAGE = {
    State.VERIFIED: Status.APPROVED,
    State.EXPIRED: Status.EXPIRED,
    State.SUPERSEDED: Status.REPLACED,
    State.UNDELIVERED: Status.UNDELIVERED,
}


@dataclass(frozen=True, slots=True)
class Row:
    """A verification as it is stored."""

    id: uuid.UUID
    app_id: int
    owner: str
    phone_number: str
    channel: str
    locale: str | None
    reference: str | None
    client_ip: str
    ttl_seconds: int
    attempts: int
    created_at: datetime
    approved_at: datetime | None
    approved_by: uuid.UUID | None
    cancelled_at: datetime | None

    @property
    def bound_to(self) -> uuid.UUID:
        """What its messages are bound to."""
        return self.id

    @property
    def label(self) -> str | None:
        """What the events call it."""
        return self.reference


@dataclass(frozen=True, slots=True)
class Shown:
    """A verification as its backend sees it: with the message that counts for it, at one time."""

    row: Row
    message: Message | None
    now: datetime

    @property
    def country(self) -> str:
        """The country of the number."""
        number = phone.parse(self.row.phone_number)
        return number.country if number else ""

    @property
    def channel(self) -> str:
        """How the newest code travels."""
        return self.message.channel if self.message else self.row.channel

    @property
    def expires_at(self) -> datetime:
        """When the newest code expires."""
        return (
            self.message.expires_at if self.message else self.row.created_at + timedelta(seconds=self.row.ttl_seconds)
        )

    @property
    def attempts_left(self) -> int:
        """How many wrong codes it takes yet."""
        return ATTEMPTS - self.row.attempts

    @property
    def resend_after(self) -> int:
        """How many seconds to wait before another message may be sent; 0 if none will be, or none is on its way."""
        if self.message is None or self.status is not Status.PENDING:
            return 0
        waited = (self.now - self.message.created_at).total_seconds()
        return max(0, math.ceil(settings().codes.cooldown_seconds - waited))

    @property
    def is_past_resends(self) -> bool:
        """Whether no further message is sent, so that no verification stays open forever."""
        return self.now >= self.row.created_at + RESENDS_FOR

    @property
    def status(self) -> Status:
        """How it stands. What the messages say is true: only an approval and a cancellation are stored apart."""
        found = self._status()
        return Status.EXPIRED if found is Status.UNDELIVERED and self.is_past_resends else found

    def _status(self) -> Status:
        if self.row.approved_at is not None:
            return Status.APPROVED
        if self.row.cancelled_at is not None:
            return Status.CANCELLED
        if self.message is None:
            # Another verification has adopted its message, or the messages were deleted as old.
            return Status.EXPIRED if self.expires_at <= self.now else Status.REPLACED
        if self.message.state == State.FAILED:
            return Status.FAILED if self.row.attempts >= ATTEMPTS else Status.UNDELIVERED
        if self.message.state in {State.RESERVED, State.SENT}:
            return Status.EXPIRED if self.expires_at <= self.now else Status.PENDING
        return _OF_MESSAGE[State(self.message.state)]


_ROWS = Projection(Row, AppVerification)
_add = prepared_insert(AppVerification)


def add(row: Row) -> None:
    """Add a verification, in the open transaction that reserves its first message."""
    execute_later(*_add(**{field.name: getattr(row, field.name) for field in fields(Row)}))


def find(app_id: int, verification_id: uuid.UUID) -> Row | None:
    """Return a verification of the app, or None: another app's is none of its business."""
    return _ROWS.find(fetch_one(*_of_app(app_id, verification_id)))


def find_phone_number(verification_id: uuid.UUID) -> str | None:
    """Return the number that a verification of any app is about, for the hooks; None once it is forgotten."""
    row = fetch_one(select(AppVerification.phone_number).where(AppVerification.id == verification_id))
    return None if row is None else str(row.phone_number)


def get(app_id: int, verification_id: uuid.UUID) -> Row:
    """Return a verification of the app. Raises VerificationNotFound."""
    row = find(app_id, verification_id)
    if row is None:
        raise VerificationNotFound
    return row


@prepared
def _of_app(app_id: Given, verification_id: Given) -> Select[Any]:
    return _ROWS.select().where(AppVerification.id == verification_id, AppVerification.app_id == app_id)


def look_at(row: Row, *, now: datetime) -> Shown:
    """Return a verification as it stands."""
    return look_at_all([row], now=now)[0]


def look_at_all(rows: Sequence[Row], *, now: datetime) -> list[Shown]:
    """Return verifications as they stand."""
    current = bound.current_of({row.owner for row in rows}, [row.id for row in rows]) if rows else {}
    return [Shown(row, current.get(row.id), now) for row in rows]


def page(
    app_id: int, *, reference: str | None, phone_number: str | None, before: tuple[datetime, uuid.UUID] | None
) -> list[Row]:
    """Return up to PAGE + 1 of the app's verifications, newest first: those before a place in that order."""
    statement = _ROWS.select().where(AppVerification.app_id == app_id)
    if reference is not None:
        statement = statement.where(AppVerification.reference == reference)
    if phone_number is not None:
        statement = statement.where(AppVerification.phone_number == phone_number)
    if before is not None:
        at, last = before
        is_same_time = (AppVerification.created_at == at) & (AppVerification.id < last)
        statement = statement.where((AppVerification.created_at < at) | is_same_time)
    newest_first = (AppVerification.created_at.desc(), AppVerification.id.desc())
    return _ROWS.values(fetch_all(statement.order_by(*newest_first).limit(PAGE + 1)))


def hold(verification_id: uuid.UUID) -> bool:
    """Queue for a verification, first thing in a transaction that changes it; return False if it is gone or over."""
    return fetch_one(*_held(verification_id)) is not None


@prepared
def _held(verification_id: Given) -> Select[Any]:
    return select(AppVerification.id).where(AppVerification.id == verification_id, _is_open()).with_for_update()


def take_attempt(verification_id: uuid.UUID) -> bool:
    """Count a code, over all messages of a verification; return False if it has seen too many."""
    # One conditional update: of parallel guesses, on an older and a newer message too, five are counted (ADR 31).
    return execute(*_one_more(verification_id)).rowcount == 1


@prepared
def _one_more(verification_id: Given) -> Update:
    is_left = (AppVerification.id == verification_id) & (AppVerification.attempts < ATTEMPTS)
    return update(AppVerification).where(is_left).values(attempts=AppVerification.attempts + 1)


def give_back_attempt(verification_id: uuid.UUID) -> None:
    """Undo `take_attempt`: the provider never looked at the code."""
    is_counted = (AppVerification.id == verification_id) & (AppVerification.attempts > 0)
    execute(update(AppVerification).where(is_counted).values(attempts=AppVerification.attempts - 1))


def approve(verification_id: uuid.UUID, *, by: uuid.UUID, now: datetime) -> bool:
    """Mark a verification as approved, in the transaction that spends the code; return whether it was open."""
    return execute(*_open(verification_id, approved_at=now, approved_by=by)).rowcount == 1


def cancel(verification_id: uuid.UUID, *, now: datetime) -> bool:
    """Mark a verification as cancelled, in the open transaction; return whether it was open."""
    return execute(*_open(verification_id, cancelled_at=now)).rowcount == 1


@prepared
def _open(verification_id: Given) -> Update:
    return update(AppVerification).where(AppVerification.id == verification_id, _is_open())


def _is_open() -> Any:
    return AppVerification.approved_at.is_(None) & AppVerification.cancelled_at.is_(None)


def delete_one(verification_id: uuid.UUID) -> None:
    """Delete a verification, in the open transaction."""
    execute(delete(AppVerification).where(AppVerification.id == verification_id))


def forget(before: datetime) -> int:
    """Delete verifications that were made before a time; return how many. None is open for so long."""
    return delete_in_batches(AppVerification, AppVerification.created_at < before)
