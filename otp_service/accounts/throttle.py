"""Makes failed passwords wait: after a few in a row 30 seconds, doubling to 15 minutes, always ending by itself.

It counts by canonical address, known or unknown, so that a wait tells nobody whether an account exists.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, literal, or_, select, update

from otp_service.accounts.errors import AccountLocked
from otp_service.accounts.models import LoginThrottle
from otp_service.core.database import UtcDateTime, execute, fetch_one, transaction, upsert
from otp_service.core.secrets import keyring
from otp_service.core.settings import settings

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)


def subject_of(email: str) -> str:
    """The keyed hash under which an address is counted."""
    return keyring().digest(email, purpose="login throttle")


def count_try(subject: str, *, now: datetime) -> int:
    """Count a try as failed before it is checked, so that parallel guesses are counted too.

    Returns how many failed in a row, this one included. Raises AccountLocked while a wait runs.
    """
    with transaction():
        is_old = LoginThrottle.last_failed_at <= now - FORGOTTEN_AFTER
        failures = case((is_old, 1), else_=LoginThrottle.failures + 1)
        statement = upsert(LoginThrottle).values(
            subject=subject, failures=1, last_failed_at=now, waits_until=_wait_end(1, now)
        )
        statement = statement.on_conflict_do_update(
            index_elements=[LoginThrottle.subject],
            set_={"failures": failures, "last_failed_at": now, "waits_until": _wait_ends(failures, now)},
            # Below the limit nobody waits: of parallel tries the one that read the clock first may be counted last.
            where=or_(LoginThrottle.failures < settings().login_failures_before_wait, LoginThrottle.waits_until <= now),
        )
        is_counted = execute(statement).rowcount == 1
        row = fetch_one(select(LoginThrottle.failures, LoginThrottle.waits_until).where(_is(subject)))
    if row is None or not is_counted:
        wait = (row.waits_until - now).total_seconds() if row else 1
        raise AccountLocked(retry_after_seconds=wait)
    return int(row.failures)


def give_back(subject: str, *, now: datetime) -> None:
    """Undo one count: the password was not checked after all."""
    execute(
        update(LoginThrottle)
        .where(_is(subject), LoginThrottle.failures > 0)
        .values(failures=LoginThrottle.failures - 1, waits_until=now)
    )


def clear(subject: str) -> None:
    """Forget the failures: the password was right."""
    execute(delete(LoginThrottle).where(_is(subject)))


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


def _is(subject: str) -> ColumnElement[bool]:
    return LoginThrottle.subject == subject


def _wait_end(failures: int, now: datetime) -> datetime:
    if not starts_a_wait(failures):
        return now
    doublings = min(failures - settings().login_failures_before_wait, 10)
    return now + min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def _wait_ends(failures: ColumnElement[int], now: datetime) -> ColumnElement[datetime]:
    """`_wait_end` as SQL: a table of its few steps."""
    first = settings().login_failures_before_wait
    steps = {count: _wait_end(count, now) for count in range(first, first + 6)}
    longest = literal(_wait_end(first + 6, now), UtcDateTime)
    start = literal(now, UtcDateTime)
    return case(
        (failures < first, start),
        *((failures == count, literal(end, UtcDateTime)) for count, end in steps.items()),
        else_=longest,
    )


def forget(before: datetime) -> int:
    """Delete the failures of addresses that last failed before a time; how many there were."""
    with transaction():
        return int(execute(delete(LoginThrottle).where(LoginThrottle.last_failed_at < before)).rowcount)
