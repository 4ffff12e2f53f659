"""Makes failed passwords wait: 30 seconds after a few in a row, doubling to 15 minutes. Every wait ends automatically.

Strangers' failures count by canonical address, known or unknown, so that a wait does not reveal whether an account
exists. Clients that an account knows count by themselves (see `known_clients`).
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, literal, or_, select

from otp_service.accounts.errors import AccountLocked
from otp_service.accounts.models import LoginThrottle
from otp_service.core.allowances import Tally
from otp_service.core.counting_rules import DoublingWait
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.transactions import execute, transaction, upsert
from otp_service.core.services import settings

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)

_FAILURES = Tally(
    LoginThrottle,
    DoublingWait.kept_in(failures="failures", last_failed_at="last_failed_at", waits_until="waits_until"),
)


def subject_of(email: str) -> str:
    """Return the keyed hash under which an address is counted."""
    return keyring().digest(email, purpose="login throttle")


def subject_of_user(user_id: int, name: str) -> str:
    """Return what a known client of a user counts under: the keyed hash of its name."""
    return f"{_prefix(user_id)}{keyring().digest(f'{user_id} {name}', purpose='login throttle')}"


def take(subject: str, *, now: datetime) -> int:
    """Count a try as failed before it is checked, so that parallel guesses count too.

    Returns the failures in a row, this one included. Raises AccountLocked while a wait runs.
    """
    wait = DoublingWait(
        starts_at=settings().passwords.failures_before_wait,
        first=FIRST_WAIT,
        longest=LONGEST_WAIT,
        forgotten_after=FORGOTTEN_AFTER,
    )
    with transaction():
        counted = _FAILURES.take(_key(subject), wait, now=now)
    if counted is None:
        row = _FAILURES.find(_key(subject))
        raise AccountLocked(retry_after_seconds=(row.waits_until - now).total_seconds() if row else 1)
    return int(counted.failures)


def give_back(subject: str, *, taken_at: datetime) -> None:
    """Undo one count, in the open transaction: the password was not checked."""
    _FAILURES.give_back(_key(subject), taken_at=taken_at)


def clear(subject: str) -> None:
    """Forget the failures, in the open transaction: the password was right."""
    _FAILURES.clear(_key(subject))


def clear_account(user_id: int, email: str) -> None:
    """Forget the failures of strangers and of every known client, in the open transaction."""
    is_theirs = LoginThrottle.subject.startswith(_prefix(user_id), autoescape=True)
    execute(delete(LoginThrottle).where(or_(is_theirs, LoginThrottle.subject == subject_of(email))))


def move(old: str, new: str) -> None:
    """Let an account's failures follow it to another address; of two waits the longer one stays."""
    # Else changing the address and back would give an attacker a fresh set of guesses.
    names = ("failures", "last_failed_at", "waits_until")
    columns = [getattr(LoginThrottle, name) for name in names]
    stored = select(literal(new), *columns).where(LoginThrottle.subject == old)
    statement = upsert(LoginThrottle).from_select(["subject", *names], stored)
    statement = statement.on_conflict_do_update(
        index_elements=[LoginThrottle.subject],
        set_={name: getattr(statement.excluded, name) for name in names},
        where=LoginThrottle.waits_until < statement.excluded.waits_until,
    )
    execute(statement)
    clear(old)


def is_first_wait(failures: int) -> bool:
    """Whether this failure is the first of its row that starts a wait."""
    return failures == settings().passwords.failures_before_wait


def starts_a_wait(failures: int) -> bool:
    """Whether this many failures in a row make the next try wait."""
    return failures >= settings().passwords.failures_before_wait


def forget(before: datetime) -> int:
    """Delete the failures of addresses that last failed before a time; return how many."""
    return delete_in_batches(LoginThrottle, LoginThrottle.last_failed_at < before)


def _prefix(user_id: int) -> str:
    return f"user:{user_id}:"


def _key(subject: str) -> dict[str, str]:
    return {"subject": subject}
