"""Links that an operator or an e-mail gives to one person: each is good for one act, once."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Update, select, update

from otp_service.accounts.models import AccountLink
from otp_service.accounts.settings import LinkSettings
from otp_service.core import allowances
from otp_service.core.addresses import site_of
from otp_service.core.allowances import HOUR, Allowance
from otp_service.core.crypto.secrets import keyring, new_token, new_typed_code, read_typed_code
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection, rows_about
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction, upsert
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions.errors import InvalidToken

CODES_PER_SITE, CODES_IN_ALL = 20, 2_000
"""Typed codes that may be tried in an hour: from one network, and by everyone together."""

_add = prepared_insert(AccountLink)


class LinkPurpose(StrEnum):
    """The act that a link is good for."""

    SET_PASSWORD = "set_password"  # noqa: S105 - a purpose, no password
    EMAIL_VERIFICATION = "email_verification"
    EMAIL_CHANGE = "email_change"
    EMAIL_RELEASE = "email_release"


@dataclass(frozen=True, slots=True)
class Link:
    """The owner of a link, the address that it was sent to, and the session that requested it."""

    user_id: int
    email: str | None
    session_id: uuid.UUID | None
    created_at: datetime


_LINKS = Projection(Link, AccountLink)


@dataclass(frozen=True, slots=True)
class Mailed:
    """What a message holds: the token of its link, and a code for people who type. Either works, and ends both."""

    token: str
    code: str


def issue(
    user_id: int,
    purpose: LinkPurpose,
    *,
    lifetime: timedelta,
    now: datetime,
    email: str | None = None,
    session_id: uuid.UUID | None = None,
) -> str:
    """Return a new token. Earlier tokens of the user for the same purpose stop working."""
    token = new_token("lk")
    row = {"user_id": user_id, "purpose": purpose, "email": email, "session_id": session_id}
    with transaction():
        # Only the newest link works: one that went to a wrong address or an old mailbox ends with the next.
        execute(*_unspent(user_id, purpose, spent_at=now))
        digest = keyring().digest(token, purpose=purpose)
        execute(*_add(**row, id=uuid.uuid4(), token_hash=digest, created_at=now, expires_at=now + lifetime))
    return token


def issue_for_mail(
    account_id: int,
    purpose: LinkPurpose,
    *,
    email: str,
    lifetime: timedelta,
    now: datetime,
    session_id: uuid.UUID | None = None,
) -> Mailed:
    """Return a token and a code for one act, both for the same address. Earlier ones of the purpose stop working."""
    with transaction():
        token = issue(account_id, purpose, lifetime=lifetime, now=now, email=email, session_id=session_id)
        row = {"user_id": account_id, "purpose": purpose, "email": email, "session_id": session_id}
        times = {"created_at": now, "expires_at": now + lifetime}
        while True:
            code = new_typed_code()
            digest = keyring().digest(code, purpose=purpose)
            add = upsert(AccountLink).values(**row, **times, id=uuid.uuid4(), token_hash=digest)
            # Of 25 billion codes, two accounts may get the same one: the later account gets another.
            if execute(add.on_conflict_do_nothing()).rowcount == 1:
                return Mailed(token, code)


def count_typed(token: str, *, client: ClientInfo, now: datetime) -> None:
    """Count a try of a code; a token is too long to guess. Raises TooMany.

    A code is short, and a wrong one names no account whose tries could be counted: so they are counted for the network
    of the caller, and for all callers together (ADR 27).
    """
    if read_typed_code(token) is None:
        return
    with transaction():
        allowances.take(Allowance("typed codes", site_of(client.ip), CODES_PER_SITE, HOUR), now=now)
        allowances.take(Allowance("typed codes", "all", CODES_IN_ALL, HOUR), now=now)


@prepared
def _unspent(user_id: Given, purpose: Given) -> Update:
    is_it = (AccountLink.user_id == user_id) & (AccountLink.purpose == purpose)
    return update(AccountLink).where(is_it, AccountLink.spent_at.is_(None))


def web_address(page: str, token: str) -> str | None:
    """Return the URL of a page with the token in its fragment; None without FRONTEND_URL and PUBLIC_URL.

    Browsers do not send the fragment, so no server or proxy log contains the token. The `Host` header of a request is
    never used: an attacker could have links sent that lead to their own server.
    """
    origin = settings().of(LinkSettings).origin
    return f"{origin}/{page}#token={token}" if origin else None


def find(token: str, purpose: LinkPurpose, *, now: datetime) -> Link | None:
    """Return the link of a token; None if it is unknown, spent, expired, or for another purpose."""
    return _LINKS.find(fetch_one(_LINKS.select().where(_is_open(token, purpose, now))))


def spend(token: str, purpose: LinkPurpose, *, now: datetime) -> None:
    """Spend the token in the transaction of the act. Raises InvalidToken if another request was faster."""
    # A link is good once: of parallel requests with one token, the conditional update lets one win (ADR 3).
    spending = update(AccountLink).where(_is_open(token, purpose, now)).values(spent_at=now)
    spent = execute(spending.returning(AccountLink.user_id)).all()
    if len(spent) != 1:
        raise InvalidToken
    # Its code, or the token of its link, ends with it. Requests with one of each take turns: both hold the user.
    execute(*_unspent(spent[0].user_id, purpose, spent_at=now))


def follow_session(user_id: int, earlier_id: uuid.UUID, session_id: uuid.UUID) -> None:
    """Bind what a session requested to the session's new id, in the open transaction (ADR 33)."""
    is_its = (AccountLink.user_id == user_id) & (AccountLink.session_id == earlier_id)
    execute(update(AccountLink).where(is_its, AccountLink.spent_at.is_(None)).values(session_id=session_id))


def void_earned(user_id: int | None, *, now: datetime, by_operator: bool = False) -> None:
    """Void the user's pending change of address and, unless an operator makes the change, links that set a password.

    With None, those of all users. Runs in the open transaction.
    """
    purposes = (LinkPurpose.EMAIL_CHANGE, *(() if by_operator else (LinkPurpose.SET_PASSWORD,)))
    for purpose in purposes:
        if user_id is not None:
            execute(*_unspent(user_id, purpose, spent_at=now))
        else:
            is_unspent = (AccountLink.purpose == purpose) & AccountLink.spent_at.is_(None)
            execute(update(AccountLink).where(is_unspent).values(spent_at=now))


def void_sent(user_id: int, *, now: datetime) -> None:
    """Void the user's links that verify an address, in the open transaction."""
    is_sent = (AccountLink.user_id == user_id) & AccountLink.email.is_not(None)
    execute(update(AccountLink).where(is_sent, AccountLink.spent_at.is_(None)).values(spent_at=now))


def pending_addresses(user_id: int, *, now: datetime) -> list[str]:
    """Return the addresses that the account is changing to."""
    is_pending = AccountLink.spent_at.is_(None) & (AccountLink.expires_at > now)
    is_change = (AccountLink.user_id == user_id) & (AccountLink.purpose == LinkPurpose.EMAIL_CHANGE)
    rows = fetch_all(select(AccountLink.email).where(is_change, is_pending).distinct())
    return [row.email for row in rows if row.email is not None]


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the user's links, without their tokens."""
    columns = (
        AccountLink.created_at, AccountLink.purpose, AccountLink.email, AccountLink.session_id,
        AccountLink.expires_at, AccountLink.spent_at,
    )  # fmt: skip
    return rows_about(AccountLink.user_id == user_id, *columns)


def forget(before: datetime) -> int:
    """Delete links that expired before a time; return how many."""
    return delete_in_batches(AccountLink, AccountLink.expires_at < before)


def _is_open(token: str, purpose: LinkPurpose, now: datetime) -> ColumnElement[bool]:
    # The hashes of all keys: a link from before a rotation of ENCRYPTION_KEY still works.
    is_named = AccountLink.token_hash.in_(keyring().digests(read_typed_code(token) or token, purpose=purpose))
    return is_named & (AccountLink.purpose == purpose) & AccountLink.spent_at.is_(None) & (AccountLink.expires_at > now)
