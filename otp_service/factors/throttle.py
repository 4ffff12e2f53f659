"""Counts the tries of each authenticator of an account: so many in an hour, and a hundred in a row disable it.

NIST SP 800-63B-4, section 3.2.2. A try is counted before it is checked, so that parallel guesses, crashes and lost
answers are counted too; what was not checked after all is given back, and a success clears its own factor alone.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Delete, Select, bindparam, case, delete, select, text, update

from otp_service import audit
from otp_service.core.database.prepared import Given, prepared
from otp_service.core.database.transactions import UtcDateTime, execute, fetch_all, fetch_one, transaction
from otp_service.core.settings import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.errors import AuthenticatorDisabled, TooManyAttempts
from otp_service.factors.models import FactorThrottle

DISABLED_AT = 100
"""Wrong proofs in a row that disable an authenticator."""

WINDOW = timedelta(hours=1)

# As text, since SQLAlchemy compiles a statement with ON CONFLICT anew each time that it runs. It returns a row only if
# the try is allowed. A window never starts later than a count in it.
_ONE_MORE = text(
    """
    INSERT INTO factor_throttles AS t (user_id, authenticator, in_a_row, in_window, window_started_at)
    VALUES (:user_id, :authenticator, :step, 1, :now)
    ON CONFLICT (user_id, authenticator) DO UPDATE SET
        in_a_row = t.in_a_row + :step,
        in_window = CASE WHEN t.window_started_at <= :cutoff OR t.in_window = 0 THEN 1 ELSE t.in_window + 1 END,
        window_started_at = CASE
            WHEN t.window_started_at <= :cutoff OR t.in_window = 0 OR t.window_started_at > :now
            THEN :now ELSE t.window_started_at END
    WHERE t.in_a_row < :disabled_at AND (t.window_started_at <= :cutoff OR t.in_window = 0 OR t.in_window < :limit)
    RETURNING in_a_row
    """
).bindparams(bindparam("now", type_=UtcDateTime), bindparam("cutoff", type_=UtcDateTime))


def count(
    user_id: int,
    authenticator: str,
    *,
    client: ClientInfo,
    now: datetime,
    per_hour: int | None = None,
    is_in_a_row: bool = True,
) -> None:
    """Count a try before it is checked; one statement decides. Raises AuthenticatorDisabled or TooManyAttempts.

    Without `is_in_a_row` it counts within the hour alone. Who counts for several authenticators does it in the order
    of their names, as `enable` does, so that nobody waits in a circle.
    """
    limit = per_hour or settings().otp_checks_per_hour
    with transaction():
        values = {"user_id": user_id, "authenticator": authenticator, "step": int(is_in_a_row), "now": now}
        limits = {"cutoff": now - WINDOW, "limit": limit, "disabled_at": DISABLED_AT}
        row = execute(_ONE_MORE, {**values, **limits}).first()
        if row is None:
            raise _refusal(user_id, authenticator, now)
        if is_in_a_row and row.in_a_row == DISABLED_AT:
            audit.record("factor.disabled", user_id=user_id, client=client, at=now, authenticator=authenticator)


def give_back(user_id: int, authenticator: str, *, taken_at: datetime, is_in_a_row: bool = True) -> None:
    """Undo one count, in the open transaction: nothing was checked. An hour that began later is left alone."""
    is_same_hour = (FactorThrottle.window_started_at <= taken_at) & (FactorThrottle.in_window > 0)
    fewer = {"in_window": case((is_same_hour, FactorThrottle.in_window - 1), else_=FactorThrottle.in_window)}
    if is_in_a_row:
        in_a_row = FactorThrottle.in_a_row
        fewer["in_a_row"] = case((in_a_row > 0, in_a_row - 1), else_=0)
    execute(update(FactorThrottle).where(_is(user_id, authenticator)).values(**fewer))


def clear(user_id: int, authenticator: str) -> None:
    """Forget the tries of one authenticator, in the open transaction: it was proven."""
    execute(*_delete(user_id, authenticator))


def enable(user_id: int, authenticator: str | None = None) -> None:
    """Let an authenticator (or all of the user's) be tried again: after recovery, enrolment anew, or by an operator."""
    condition = FactorThrottle.user_id == user_id
    if authenticator is not None:
        condition = _is(user_id, authenticator)
    with transaction():
        in_order = select(FactorThrottle.authenticator).where(condition).order_by(FactorThrottle.authenticator)
        fetch_all(in_order.with_for_update())
        execute(delete(FactorThrottle).where(condition))


def disabled(user_id: int) -> frozenset[str]:
    """Those of the user's authenticators that take no more tries."""
    return frozenset(row.authenticator for row in fetch_all(*_disabled(user_id)))


@prepared
def _disabled(user_id: Given) -> Select[Any]:
    is_over = (FactorThrottle.user_id == user_id) & (FactorThrottle.in_a_row >= DISABLED_AT)
    return select(FactorThrottle.authenticator).where(is_over)


@prepared
def _delete(user_id: Given, authenticator: Given) -> Delete:
    return delete(FactorThrottle).where(_is(user_id, authenticator))


def _refusal(user_id: int, authenticator: str, now: datetime) -> AuthenticatorDisabled | TooManyAttempts:
    columns = (FactorThrottle.in_a_row, FactorThrottle.window_started_at)
    row = fetch_one(select(*columns).where(_is(user_id, authenticator)))
    if row is not None and row.in_a_row >= DISABLED_AT:
        return AuthenticatorDisabled()
    wait = (row.window_started_at + WINDOW - now).total_seconds() if row is not None else 1
    return TooManyAttempts("Too many wrong codes. Try again later.", retry_after_seconds=wait)


def _is(user_id: int | Given, authenticator: str | Given) -> ColumnElement[bool]:
    return (FactorThrottle.user_id == user_id) & (FactorThrottle.authenticator == authenticator)
