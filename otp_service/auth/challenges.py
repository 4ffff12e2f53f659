"""Challenge tokens: what a right password earns, good for one second factor within ten minutes and for nothing else."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, Update, delete, select, update

from otp_service.accounts import numbers, users
from otp_service.accounts.errors import UserNotFound
from otp_service.accounts.users import Account
from otp_service.auth.models import Challenge
from otp_service.core.crypto.secrets import keyring, new_token
from otp_service.core.database.portable import rows_about
from otp_service.core.database.prepared import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.core.settings import settings
from otp_service.core.web.tracing import concerns
from otp_service.sessions.errors import InvalidToken

_PURPOSE = "challenge token"
_add = prepared_insert(Challenge)


@dataclass(frozen=True, slots=True)
class Earned:
    """A challenge just issued; the token is shown once."""

    id: uuid.UUID
    token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Open:
    """A challenge that can still be met, and who earned it."""

    id: uuid.UUID
    account: Account
    created_at: datetime


def issue(user_id: int, *, now: datetime) -> Earned:
    """Make a challenge for a user whose password was right."""
    earned = Earned(uuid.uuid4(), new_token("ch"), settings().challenge_ttl_seconds)
    with transaction():
        execute(
            *_add(
                id=earned.id,
                user_id=user_id,
                token_hash=keyring().digest(earned.token, purpose=_PURPOSE),
                created_at=now,
                expires_at=now + timedelta(seconds=earned.expires_in),
            )
        )
    return earned


def find_open(token: str, *, now: datetime) -> Open:
    """The open challenge of a token. Raises InvalidToken: unknown, spent, expired, or void since a lockout."""
    row = fetch_one(*_open(keyring().digests(token, purpose=_PURPOSE), now))
    if row is None:
        raise InvalidToken
    concerns(row.user_id)
    try:
        account = users.get(row.user_id)
    except UserNotFound as error:
        raise InvalidToken from error
    if account.locked_at is not None or account.has_voided(row.created_at):
        raise InvalidToken
    return Open(row.id, account, row.created_at)


def spend(challenge: Open, *, now: datetime) -> None:
    """Use the challenge up, in the transaction of what it is used for.

    Raises InvalidToken when another was faster, or when the account was locked while the factor was checked.
    """
    with transaction():
        numbers.queue(challenge.account)
        account = users.find_and_hold(challenge.account.id)
        if account is None or account.has_voided(challenge.created_at):
            raise InvalidToken
        if execute(*_unspent(challenge.id, spent_at=now)).rowcount != 1:
            raise InvalidToken


@prepared
def _open(token_hashes: Given, now: Given) -> Select[Any]:
    is_open = Challenge.spent_at.is_(None) & (Challenge.expires_at > now)
    columns = (Challenge.id, Challenge.user_id, Challenge.created_at)
    return select(*columns).where(Challenge.token_hash.in_(token_hashes), is_open)


@prepared
def _unspent(challenge_id: Given) -> Update:
    return update(Challenge).where(Challenge.id == challenge_id, Challenge.spent_at.is_(None))


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """The user's challenges, without their tokens."""
    columns = (Challenge.created_at, Challenge.id, Challenge.expires_at, Challenge.spent_at)
    return rows_about(Challenge.user_id == user_id, *columns)


def forget(before: datetime) -> int:
    """Delete challenges that expired before a time; how many there were."""
    with transaction():
        return int(execute(delete(Challenge).where(Challenge.expires_at < before)).rowcount)
