"""Writes imported users: all in one transaction, with one audit event for the run."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from otp_service import audit
from otp_service.accounts.importing.records import NewUser, SourceError
from otp_service.accounts.importing.spool import Spool
from otp_service.accounts.models import User
from otp_service.core.database.transactions import transaction

BATCH = 1_000


def write(spool: Spool, *, now: datetime, facts: dict[str, Any], on_batch: Callable[[int], None]) -> None:
    """Add all users of the spool, or none. `on_batch` is told how many are written so far.

    Raises SourceError when somebody has registered with one of the addresses or numbers since they were checked.
    """
    written = 0
    try:
        with transaction() as session:
            for users in spool.batches(BATCH):
                session.connection().execute(insert(User), [_row(user, now) for user in users])
                written += len(users)
                on_batch(written)
            audit.record("users.imported", user_id=None, client=audit.COMMAND_LINE, at=now, imported=written, **facts)
    except IntegrityError as error:
        raise SourceError(
            "meanwhile somebody has registered with an address or a number of the source; "
            "nothing was imported, run the import again"
        ) from error


def _row(user: NewUser, now: datetime) -> dict[str, Any]:
    """What the source says was proven or locked counts as such from the import on."""
    return {
        "email": user.email,
        "email_verified_at": now if user.email_verified else None,
        "phone_number": user.phone_number,
        "holds_number": user.phone_number is not None,
        "phone_verified_at": now if user.is_verified else None,
        "password_hash": user.password_hash,
        "password_changed_at": now,
        "locked_at": now if user.is_locked else None,
        "display_name": user.display_name,
        "locale": user.locale,
        "created_at": user.created_at or now,
    }
