"""Notifies people whose password was right while the second step was not: someone else may know the password."""

from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from otp_service.accounts import notices, users
from otp_service.auth.challenges import OpenChallenge
from otp_service.auth.models import Challenge
from otp_service.core import allowances, clock
from otp_service.core.allowances import DAY, Allowance
from otp_service.core.database.transactions import fetch_all, transaction
from otp_service.core.web.tracing import ClientInfo

LOOKS_BACK = timedelta(hours=1)
"""A worker that was away this long has missed none; older ones are yesterday's news."""


def notify_of_failed(challenge: OpenChallenge, *, client: ClientInfo, now: datetime) -> None:
    """Notify the owner of a wrong second step, from a client that the account does not know.

    A known client is most likely the owner with a typo. If it never finishes, `notify_of_all` notifies of it.
    """
    if not challenge.is_known:
        with transaction():
            _notify(challenge.account.id, client, now)


def notify_of_all() -> int:
    """Notify of the sign-ins whose challenge expired without a second step in the last hour; return how many."""
    now = clock.now()
    finished = aliased(Challenge)
    # The owner may have begun again: then a later challenge of the same kind of client was completed.
    was_resumed = (finished.user_id == Challenge.user_id) & (finished.is_known == Challenge.is_known)
    was_resumed &= finished.spent_at > Challenge.created_at
    is_over = (Challenge.expires_at <= now) & (Challenge.expires_at > now - LOOKS_BACK) & Challenge.spent_at.is_(None)
    rows = fetch_all(select(Challenge.user_id).where(is_over, ~exists().where(was_resumed)).distinct())
    sent = 0
    for row in rows:
        with transaction():
            sent += _notify(row.user_id, None, now)
    return sent


def _notify(user_id: int, client: ClientInfo | None, now: datetime) -> bool:
    """Send the notice, once a day: a thief of the password must not fill the mailbox."""
    if users.find_and_hold(user_id) is None:
        return False  # locked or deleted
    if not allowances.take_if_left(Allowance("second step notice", str(user_id), 1, DAY), now=now):
        return False
    notices.notify(user_id, "password_used", now=now, client=client)
    return True
