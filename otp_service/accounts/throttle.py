"""Makes failed passwords wait: after a few in a row 30 seconds, doubling to 15 minutes, always ending by itself.

It counts by canonical address, known or unknown, so that a wait tells nobody whether an account exists.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Delete, bindparam, delete, literal, select, text, update

from otp_service.accounts.errors import AccountLocked
from otp_service.accounts.models import LoginThrottle
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.prepared import Given, prepared
from otp_service.core.database.transactions import UtcDateTime, execute, fetch_one, transaction, upsert
from otp_service.core.settings import settings

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)

# As text, since SQLAlchemy compiles a statement with ON CONFLICT anew each time that it runs. Below the limit nobody
# waits: of parallel tries the one that read the clock first may be counted last.
_ONE_MORE = text(
    """
    INSERT INTO login_throttles AS t (subject, failures, last_failed_at, waits_until) VALUES (:subject, 1, :now, :now)
    ON CONFLICT (subject) DO UPDATE SET
        failures = CASE WHEN t.last_failed_at <= :old THEN 1 ELSE t.failures + 1 END,
        last_failed_at = :now,
        waits_until = :now
    WHERE t.failures < :limit OR t.waits_until <= :now
    RETURNING failures
    """
).bindparams(bindparam("now", type_=UtcDateTime), bindparam("old", type_=UtcDateTime))


def subject_of(email: str) -> str:
    """The keyed hash under which an address is counted."""
    return keyring().digest(email, purpose="login throttle")


def count_try(subject: str, *, now: datetime) -> int:
    """Count a try as failed before it is checked, so that parallel guesses are counted too.

    Returns how many failed in a row, this one included. Raises AccountLocked while a wait runs.
    """
    with transaction():
        limit = settings().login_failures_before_wait
        values = {"subject": subject, "now": now, "old": now - FORGOTTEN_AFTER, "limit": limit}
        counted = execute(_ONE_MORE, values).first()
        if counted is not None and starts_a_wait(counted.failures):
            wait = {"waits_until": now + _wait(counted.failures)}
            execute(update(LoginThrottle).where(_is(subject)).values(wait))
    if counted is None:
        row = fetch_one(select(LoginThrottle.waits_until).where(_is(subject)))
        raise AccountLocked(retry_after_seconds=(row.waits_until - now).total_seconds() if row else 1)
    return int(counted.failures)


def give_back(subject: str, *, now: datetime) -> None:
    """Undo one count: the password was not checked after all."""
    execute(
        update(LoginThrottle)
        .where(_is(subject), LoginThrottle.failures > 0)
        .values(failures=LoginThrottle.failures - 1, waits_until=now)
    )


def clear(subject: str) -> None:
    """Forget the failures: the password was right."""
    execute(*_delete(subject))


@prepared
def _delete(subject: Given) -> Delete:
    return delete(LoginThrottle).where(_is(subject))


def move(old: str, new: str) -> None:
    """Let an account's failures follow it to another address; of two waits the longer one stays."""
    names = ("failures", "last_failed_at", "waits_until")
    columns = [getattr(LoginThrottle, name) for name in names]
    statement = upsert(LoginThrottle).from_select(["subject", *names], select(literal(new), *columns).where(_is(old)))
    statement = statement.on_conflict_do_update(
        index_elements=[LoginThrottle.subject],
        set_={name: getattr(statement.excluded, name) for name in names},
        where=LoginThrottle.waits_until < statement.excluded.waits_until,
    )
    execute(statement)
    clear(old)


def is_first_wait(failures: int) -> bool:
    """Whether it is the first wait of a row of failures."""
    return failures == settings().login_failures_before_wait


def starts_a_wait(failures: int) -> bool:
    """Whether this many failures in a row make the next try wait."""
    return failures >= settings().login_failures_before_wait


def _is(subject: str | Given) -> ColumnElement[bool]:
    return LoginThrottle.subject == subject


def _wait(failures: int) -> timedelta:
    doublings = min(failures - settings().login_failures_before_wait, 10)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def forget(before: datetime) -> int:
    """Delete the failures of addresses that last failed before a time; how many there were."""
    with transaction():
        return int(execute(delete(LoginThrottle).where(LoginThrottle.last_failed_at < before)).rowcount)
