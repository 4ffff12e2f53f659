"""The deletion of an account at its holder's request: it waits some days, in which a sign-in undoes it (ADR 35)."""

from datetime import datetime, timedelta

from sqlalchemy import select, update

from otp_service import audit, sessions
from otp_service.accounts import earned, notices, users
from otp_service.accounts.models import User
from otp_service.accounts.users import Account
from otp_service.core.database.transactions import execute, fetch_all
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions.errors import InvalidToken


def schedule(account: Account, *, after: timedelta, client: ClientInfo, now: datetime) -> datetime:
    """Have the account erased later, in the open transaction; end its sessions and void what was earned before.

    Returns the time of the erasure. A second request changes neither it nor anything else.
    """
    erase_at = now + after
    is_it = (User.id == account.id) & User.erase_at.is_(None)
    if execute(update(User).where(is_it).values(erase_at=erase_at)).rowcount != 1:
        raise InvalidToken  # another request was faster and ended the session, or the account is gone
    earned.void(account.id, now=now)
    sessions.end_all(account.id, now=now)
    audit.record("user.deletion_requested", user_id=account.id, client=client, at=now, eraseAt=erase_at.isoformat())
    notices.notify_everywhere(account.id, "deletion_requested", now=now, client=client, erase_at=erase_at.isoformat())
    return erase_at


def undo(account: Account, *, client: ClientInfo, now: datetime) -> bool:
    """Undo a pending deletion in the transaction that opens a session; return whether there was one.

    `account` is as read before. Raises InvalidToken if its time is over: the account is as good as erased.
    """
    if account.erase_at is None:
        return False  # every sign-in comes here: no statement for those without a pending deletion
    is_pending = (User.id == account.id) & (User.erase_at > now)
    if execute(update(User).where(is_pending).values(erase_at=None)).rowcount != 1:
        if users.get_bearer(account.id).erase_at is not None:
            raise InvalidToken
        return False  # another sign-in was faster
    audit.record("user.deletion_cancelled", user_id=account.id, client=client, at=now)
    notices.notify_everywhere(account.id, "deletion_cancelled", now=now, client=client)
    return True


def due(now: datetime, *, limit: int) -> list[int]:
    """Return the ids of accounts whose time to undo a deletion is over.

    Reads the whole table: once a day that costs less than an index on every write.
    """
    statement = select(User.id).where(User.erase_at <= now).order_by(User.erase_at).limit(limit)
    return [row.id for row in fetch_all(statement)]
