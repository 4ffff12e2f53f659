"""Removals of factors that wait, because a weaker factor asked for them: schedule, show, cancel (ADR 35).

Until its time a factor works. From then on it does not, even if the worker has not removed it yet (`is_in_force`).
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, insert
from sqlalchemy.orm import InstrumentedAttribute

from otp_service import audit
from otp_service.accounts import earned, links, notices
from otp_service.config.reader import Reader
from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring, new_token
from otp_service.core.database.rows import Projection, rows_about
from otp_service.core.database.statements import Given
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction
from otp_service.core.errors import NotFound
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.models import FactorRemoval
from otp_service.sessions.errors import InvalidToken

PAGE = "keep-factor"
_TOKEN = "removal of a factor"  # noqa: S105 - a purpose of the keyring
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalSettings:
    """How long a removal by a weaker factor waits; zero removes at once."""

    delay: timedelta


def read_removals(read: Reader) -> RemovalSettings:
    """Read FACTOR_REMOVAL_DELAY."""
    seconds = read.duration("FACTOR_REMOVAL_DELAY", default=DAY_SECONDS, low=0, high=30 * DAY_SECONDS)
    return RemovalSettings(delay=timedelta(seconds=seconds))


class RemovalNotFound(NotFound):
    """None of the caller's removals that wait has this id."""

    code = "removal_not_found"
    title = "No such removal is pending."


@dataclass(frozen=True, slots=True)
class Removal:
    """One removal that waits, or whose time has come."""

    id: uuid.UUID
    user_id: int
    kind: str
    authenticator_id: uuid.UUID
    effective_at: datetime


_REMOVALS = Projection(Removal, FactorRemoval)


def schedule(user_id: int, kind: str, authenticator_id: uuid.UUID, *, client: ClientInfo, now: datetime) -> Removal:
    """Have an authenticator removed later, in the open transaction that holds the user; notify the user.

    Of an authenticator whose removal waits already, the time stays: no second request shortens or lengthens it.
    """
    waiting = _REMOVALS.find(fetch_one(_REMOVALS.select().where(FactorRemoval.authenticator_id == authenticator_id)))
    if waiting is not None:
        return waiting
    token, at = new_token("lk"), now + settings().of(RemovalSettings).delay
    removal = Removal(uuid.uuid4(), user_id, kind, authenticator_id, at)
    execute(
        insert(FactorRemoval).values(
            id=removal.id,
            user_id=user_id,
            kind=kind,
            authenticator_id=authenticator_id,
            token_hash=keyring().digest(token, purpose=_TOKEN),
            requested_at=now,
            effective_at=at,
        )
    )
    facts = {"factor": kind, "effectiveAt": at.isoformat()}
    audit.record("factor.removal_requested", user_id=user_id, client=client, at=now, **facts)
    notices.notify_everywhere(
        user_id,
        "factor_removal_requested",
        now=now,
        client=client,
        factor=kind,
        effective_at=at.isoformat(),
        token=token,
        link=links.web_address(PAGE, token),
    )
    return removal


def of_user(user_id: int) -> dict[uuid.UUID, Removal]:
    """Return the user's removals by authenticator."""
    found = _REMOVALS.values(fetch_all(_REMOVALS.select().where(FactorRemoval.user_id == user_id)))
    return {removal.authenticator_id: removal for removal in found}


def described(removal: Removal | None) -> dict[str, Any]:
    """Return what a list of factors says of an authenticator's removal."""
    return {} if removal is None else {"removal_at": removal.effective_at, "removal_id": removal.id}


def is_in_force(authenticator_id: InstrumentedAttribute[uuid.UUID], now: datetime | Given) -> ColumnElement[bool]:
    """Return, for a statement, whether the time of an authenticator's removal has come."""
    is_it = FactorRemoval.authenticator_id == authenticator_id
    return exists().where(is_it, FactorRemoval.effective_at <= now)


def cancel(id: uuid.UUID, *, user_id: int, client: ClientInfo) -> None:
    """Keep the authenticator. Raises RemovalNotFound, also once its time has come."""
    if not _cancel(FactorRemoval.id == id, FactorRemoval.user_id == user_id, client=client):
        raise RemovalNotFound


def cancel_by_link(token: str, *, client: ClientInfo) -> None:
    """Keep the authenticator, with the token of the notice. Raises InvalidToken, also once its time has come."""
    if not _cancel(FactorRemoval.token_hash.in_(keyring().digests(token, purpose=_TOKEN)), client=client):
        raise InvalidToken


def _cancel(*conditions: ColumnElement[bool], client: ClientInfo) -> bool:
    now = clock.now()
    with transaction():
        # One conditional statement decides against the time and against the worker (ADR 3).
        statement = delete(FactorRemoval).where(*conditions, FactorRemoval.effective_at > now)
        row = execute(statement.returning(FactorRemoval.user_id, FactorRemoval.kind)).first()
        if row is None:
            return False
        audit.record("factor.removal_cancelled", user_id=row.user_id, client=client, at=now, factor=row.kind)
        notices.notify_everywhere(row.user_id, "factor_removal_cancelled", now=now, client=client, factor=row.kind)
        return True


def void(user_id: int | None) -> None:
    """Cancel the removals of the user, or of all users, that wait: in the open transaction of a change (ADR 33)."""
    is_waiting = FactorRemoval.effective_at > clock.now()
    execute(delete(FactorRemoval).where(earned.is_user(FactorRemoval.user_id, user_id), is_waiting))


earned.voided_by("removals of factors", void)


def forget(authenticator_id: uuid.UUID) -> bool:
    """Delete the removal of an authenticator in the transaction that removes it; return whether there was one."""
    statement = delete(FactorRemoval).where(FactorRemoval.authenticator_id == authenticator_id)
    return bool(execute(statement).rowcount)


def due(now: datetime, *, limit: int) -> list[Removal]:
    """Return removals whose time has come, the oldest first."""
    statement = _REMOVALS.select().where(FactorRemoval.effective_at <= now).order_by(FactorRemoval.effective_at)
    return _REMOVALS.values(fetch_all(statement.limit(limit)))


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the user's removals, without their tokens."""
    columns = (FactorRemoval.requested_at, FactorRemoval.id, FactorRemoval.kind, FactorRemoval.effective_at)
    return rows_about(FactorRemoval.user_id == user_id, *columns)
