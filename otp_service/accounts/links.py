"""Links that an operator or an e-mail hands to one person, good for one act, once."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Update, delete, select, update

from otp_service.accounts.models import AccountLink
from otp_service.core.crypto.secrets import keyring, new_token
from otp_service.core.database.prepared import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.core.settings import settings
from otp_service.sessions.errors import InvalidToken

_add = prepared_insert(AccountLink)


class LinkPurpose(StrEnum):
    """What a link is good for."""

    SET_PASSWORD = "set_password"  # noqa: S105 - a purpose, no password
    EMAIL_VERIFICATION = "email_verification"
    EMAIL_CHANGE = "email_change"


@dataclass(frozen=True, slots=True)
class Link:
    """Whom a token was made for, the address that it was sent to, and the session that asked for it."""

    user_id: int
    email: str | None
    session_id: uuid.UUID | None
    created_at: datetime


def issue(
    user_id: int,
    purpose: LinkPurpose,
    *,
    lifetime: timedelta,
    now: datetime,
    email: str | None = None,
    session_id: uuid.UUID | None = None,
) -> str:
    """A new token; the ones made before for the same purpose are dead."""
    token = new_token("lk")
    with transaction():
        execute(*_unspent(user_id, purpose, spent_at=now))
        execute(
            *_add(
                id=uuid.uuid4(),
                user_id=user_id,
                purpose=purpose,
                token_hash=keyring().digest(token, purpose=purpose),
                email=email,
                session_id=session_id,
                created_at=now,
                expires_at=now + lifetime,
            )
        )
    return token


@prepared
def _unspent(user_id: Given, purpose: Given) -> Update:
    is_it = (AccountLink.user_id == user_id) & (AccountLink.purpose == purpose)
    return update(AccountLink).where(is_it, AccountLink.spent_at.is_(None))


def web_address(page: str, token: str) -> str | None:
    """Where a token can be used by a click: a page of the first FRONTEND_URL; None when there is none.

    Behind the #, so that no server on the way sees it; never built from what a request says of its host.
    """
    origin = settings().links.origin
    return f"{origin}/{page}#token={token}" if origin else None


def find(token: str, purpose: LinkPurpose, *, now: datetime) -> Link | None:
    """What a token was made for; None when it is unknown, spent, too old, or for another act."""
    columns = (AccountLink.user_id, AccountLink.email, AccountLink.session_id, AccountLink.created_at)
    row = fetch_one(select(*columns).where(_is_open(token, purpose, now)))
    return Link(*row) if row else None


def find_owner(token: str, purpose: LinkPurpose, *, now: datetime) -> int:
    """The id of the user that the token was made for. Raises InvalidToken: unknown, spent, too old, for another act."""
    link = find(token, purpose, now=now)
    if link is None:
        raise InvalidToken
    return link.user_id


def spend(token: str, purpose: LinkPurpose, *, now: datetime) -> None:
    """Use the token up, in the transaction of the act. Raises InvalidToken when another was faster."""
    if execute(update(AccountLink).where(_is_open(token, purpose, now)).values(spent_at=now)).rowcount != 1:
        raise InvalidToken


def void_sent(user_id: int, *, now: datetime) -> None:
    """Let no link open anything that proves an address of the user's, in the open transaction."""
    is_sent = (AccountLink.user_id == user_id) & AccountLink.email.is_not(None)
    execute(update(AccountLink).where(is_sent, AccountLink.spent_at.is_(None)).values(spent_at=now))


def _is_open(token: str, purpose: LinkPurpose, now: datetime) -> ColumnElement[bool]:
    is_named = AccountLink.token_hash.in_(keyring().digests(token, purpose=purpose))
    return is_named & (AccountLink.purpose == purpose) & AccountLink.spent_at.is_(None) & (AccountLink.expires_at > now)


def forget(before: datetime) -> int:
    """Delete links that expired before a time; how many there were."""
    with transaction():
        return int(execute(delete(AccountLink).where(AccountLink.expires_at < before)).rowcount)
