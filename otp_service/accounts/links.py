"""Links that an operator or an e-mail hands to one person, good for one act, once."""

import uuid
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, insert, select, update

from otp_service.accounts.models import AccountLink
from otp_service.core.database import execute, fetch_one, transaction
from otp_service.core.secrets import keyring, new_token
from otp_service.sessions.errors import InvalidToken


class LinkPurpose(StrEnum):
    """What a link is good for."""

    SET_PASSWORD = "set_password"  # noqa: S105 - a purpose, no password


def issue(user_id: int, purpose: LinkPurpose, *, lifetime: timedelta, now: datetime) -> str:
    """A new token; the ones made before for the same purpose are dead."""
    token = new_token("lk")
    with transaction():
        is_older = (AccountLink.user_id == user_id) & (AccountLink.purpose == purpose)
        execute(update(AccountLink).where(is_older, AccountLink.spent_at.is_(None)).values(spent_at=now))
        execute(
            insert(AccountLink).values(
                id=uuid.uuid4(),
                user_id=user_id,
                purpose=purpose,
                token_hash=keyring().digest(token, purpose=purpose),
                created_at=now,
                expires_at=now + lifetime,
            )
        )
    return token


def find_owner(token: str, purpose: LinkPurpose, *, now: datetime) -> int:
    """The id of the user that the token was made for. Raises InvalidToken: unknown, spent, too old, for another act."""
    row = fetch_one(select(AccountLink.user_id).where(_is_open(token, purpose, now)))
    if row is None:
        raise InvalidToken
    return int(row.user_id)


def spend(token: str, purpose: LinkPurpose, *, now: datetime) -> None:
    """Use the token up, in the transaction of the act. Raises InvalidToken when another was faster."""
    if execute(update(AccountLink).where(_is_open(token, purpose, now)).values(spent_at=now)).rowcount != 1:
        raise InvalidToken


def _is_open(token: str, purpose: LinkPurpose, now: datetime) -> ColumnElement[bool]:
    is_named = AccountLink.token_hash.in_(keyring().digests(token, purpose=purpose))
    return is_named & (AccountLink.purpose == purpose) & AccountLink.spent_at.is_(None) & (AccountLink.expires_at > now)


def forget(before: datetime) -> int:
    """Delete links that expired before a time; how many there were."""
    with transaction():
        return int(execute(delete(AccountLink).where(AccountLink.expires_at < before)).rowcount)
