"""Reads and writes the table of authenticator apps; the only place that does."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, insert, or_, select, update

from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.factors.totp.models import TotpAuthenticator

ENROLMENT_TTL = timedelta(days=1)
"""How long an enrolment can be confirmed."""


@dataclass(frozen=True, slots=True)
class Authenticator:
    """An authenticator app as values; the secret is sealed."""

    id: uuid.UUID
    user_id: int
    secret: str
    created_at: datetime
    confirmed_at: datetime | None
    last_used_step: int | None
    last_used_at: datetime | None

    def opened_secret(self) -> str:
        """The secret in the clear, in base32. Raises core.secrets.Unreadable."""
        return keyring().open(self.secret, context=_context(self.id))


_COLUMNS = [getattr(TotpAuthenticator, name) for name in Authenticator.__dataclass_fields__]
_IS_CONFIRMED = TotpAuthenticator.confirmed_at.is_not(None)


def find(user_id: int) -> Authenticator | None:
    """The user's confirmed authenticator."""
    row = fetch_one(*_confirmed(user_id))
    return Authenticator(*row) if row else None


@prepared
def _confirmed(user_id: Given) -> Select[Any]:
    return select(*_COLUMNS).where(TotpAuthenticator.user_id == user_id, _IS_CONFIRMED)


def find_unconfirmed(user_id: int, *, now: datetime) -> Authenticator | None:
    """The user's enrolment that waits to be confirmed, while it can be."""
    is_open = ~_IS_CONFIRMED & (TotpAuthenticator.created_at > now - ENROLMENT_TTL)
    row = fetch_one(select(*_COLUMNS).where(TotpAuthenticator.user_id == user_id, is_open))
    return Authenticator(*row) if row else None


def begin(user_id: int, secret: str, *, now: datetime) -> None:
    """Store a secret that waits to be confirmed, in place of an earlier such one, in the open transaction."""
    key = uuid.uuid4()
    execute(delete(TotpAuthenticator).where(TotpAuthenticator.user_id == user_id, ~_IS_CONFIRMED))
    values = {"id": key, "user_id": user_id, "secret": keyring().seal(secret, context=_context(key)), "created_at": now}
    execute(insert(TotpAuthenticator).values(**values))


def confirm(authenticator_id: uuid.UUID, *, step: int, now: datetime) -> bool:
    """Let an enrolment count from now on, in the open transaction; whether this call did it."""
    return _update(authenticator_id, ~_IS_CONFIRMED, confirmed_at=now, last_used_step=step)


def spend(authenticator_id: uuid.UUID, *, step: int, now: datetime) -> bool:
    """Take a code of a step, in the open transaction; False when it, or a later one, was taken before."""
    is_newer = or_(TotpAuthenticator.last_used_step.is_(None), TotpAuthenticator.last_used_step < step)
    return _update(authenticator_id, _IS_CONFIRMED & is_newer, last_used_step=step, last_used_at=now)


def remove(user_id: int) -> int:
    """Delete the user's authenticator, and an enrolment that waits; how many confirmed ones there were."""
    statement = delete(TotpAuthenticator).where(TotpAuthenticator.user_id == user_id)
    return sum(row.confirmed_at is not None for row in execute(statement.returning(TotpAuthenticator.confirmed_at)))


def forget(before: datetime) -> int:
    """Delete enrolments that began before a time and were never confirmed; how many there were."""
    with transaction():
        statement = delete(TotpAuthenticator).where(~_IS_CONFIRMED, TotpAuthenticator.created_at < before)
        return int(execute(statement).rowcount)


def _update(authenticator_id: uuid.UUID, condition: ColumnElement[bool], **values: Any) -> bool:
    statement = update(TotpAuthenticator).where(TotpAuthenticator.id == authenticator_id, condition)
    return bool(execute(statement.values(**values)).rowcount == 1)


def _context(authenticator_id: uuid.UUID) -> str:
    return f"totp_authenticators.secret:{authenticator_id}"
