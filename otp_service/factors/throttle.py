"""Limits the tries of each authenticator of an account: a number per hour, and 100 wrong ones in a row disable it.

NIST SP 800-63B-4, section 3.2.2. A try is counted before it is checked, so that parallel guesses, crashes and lost
responses count too. What was not checked after all is given back, and a success clears the count of its own factor
(ADR 13).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, delete, exists, select

from otp_service import audit
from otp_service.core.allowances import Tally
from otp_service.core.counting_rules import InARow, SlidingWindow
from otp_service.core.crypto.hash_slots import SlotsBusy
from otp_service.core.database.rows import rows_about
from otp_service.core.database.statements import Given
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.core.errors import NotAuthenticated
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.errors import AuthenticatorDisabled
from otp_service.factors.models import FactorThrottle
from otp_service.verifications.errors import OtpInvalid, TooManyAttempts

DISABLED_AT = 100
"""Wrong responses in a row that disable an authenticator."""

TO_THE_END, OUTSIDE_THE_ROW = InARow(DISABLED_AT), InARow(DISABLED_AT, step=0)
WITHOUT_END = InARow(2**31 - 1)
"""How a try counts in a row: it brings the end nearer, it does not, or the row is only counted."""

WINDOW = timedelta(hours=1)

_TRIES = Tally(
    FactorThrottle,
    InARow.kept_in(count="in_a_row"),
    SlidingWindow.kept_in(count="in_window", started_at="window_started_at"),
)


class ResponseRejected(Exception):
    """Why a response is rejected: for the log and the audit trail. The client gets `error`, whatever the reason.

    With `is_guess=False` the try is given back: a code that was right once, or could not be checked, is no guess.
    """

    event: ClassVar[str] = "factor.refused"
    error: ClassVar[type[NotAuthenticated]] = OtpInvalid

    def __init__(self, reason: str = "", *, is_guess: bool = True) -> None:
        super().__init__(reason)
        self.is_guess = is_guess

    @property
    def facts(self) -> dict[str, str]:
        """The reason, cut to a length and characters that can be stored: libraries quote what strangers wrote."""
        reason = "".join(filter(str.isprintable, str(self)))[:200]
        return {"reason": reason} if reason else {}


@contextmanager
def attempt(
    user_id: int | None,
    authenticator: str,
    *,
    client: ClientInfo,
    now: datetime,
    is_in_a_row: bool = True,
    concerning: int | None = None,
) -> Iterator[None]:
    """Count a try, run the block that checks the response, and give the try back if the block checked no guess.

    The block raises ResponseRejected to reject the response, or SlotsBusy if it could not check it. Without a
    `user_id` no try is counted: the response names no account, or its tries count elsewhere. The rejection is recorded
    for the user that it is `concerning`. Raises the `error` of the rejection, SlotsBusy,
    AuthenticatorDisabled, TooManyAttempts.
    """
    # The count is committed before the check (ADR 7): parallel guesses, and tries whose process dies, count too.
    if user_id is not None:
        row = TO_THE_END if is_in_a_row else OUTSIDE_THE_ROW
        take(user_id, authenticator, client=client, now=now, in_a_row=row)
    try:
        yield
    except ResponseRejected as rejected:
        with transaction():
            if user_id is not None and not rejected.is_guess:
                give_back(user_id, authenticator, taken_at=now, is_in_a_row=is_in_a_row)
            facts = {"factor": authenticator, **rejected.facts}
            whose = user_id if user_id is not None else concerning
            if whose is None:
                audit.record_strangers(rejected.event, client=client, at=now, **facts)
            else:
                audit.record(rejected.event, user_id=whose, client=client, at=now, **facts)
        raise rejected.error from rejected
    except SlotsBusy:
        if user_id is not None:
            with transaction():
                give_back(user_id, authenticator, taken_at=now, is_in_a_row=is_in_a_row)
        raise


def take(
    user_id: int,
    authenticator: str,
    *,
    client: ClientInfo,
    now: datetime,
    per_hour: int | None = None,
    in_a_row: InARow = TO_THE_END,
) -> None:
    """Count a try before it is checked. Raises AuthenticatorDisabled or TooManyAttempts.

    With OUTSIDE_THE_ROW only the hourly count rises; with WITHOUT_END the row disables nothing. To count for several
    authenticators, take them in name order, as `enable` does: this avoids a deadlock.
    """
    hour = SlidingWindow(per_hour or settings().codes.checks_per_hour, WINDOW)
    with transaction():
        row = _TRIES.take(_key(user_id, authenticator), in_a_row, hour, now=now)
        if row is None:
            raise _refusal(user_id, authenticator, hour, in_a_row.limit, now)
        if (
            in_a_row is TO_THE_END and row.in_a_row == DISABLED_AT
        ):  # only one try is the hundredth, so it is recorded once
            audit.record("factor.disabled", user_id=user_id, client=client, at=now, authenticator=authenticator)


def require_enabled(user_id: int, authenticator: str) -> None:
    """Raise AuthenticatorDisabled if wrong responses in a row disabled an authenticator."""
    row = _TRIES.find(_key(user_id, authenticator))
    if row is not None and row.in_a_row >= DISABLED_AT:
        raise AuthenticatorDisabled


def give_back(user_id: int, authenticator: str, *, taken_at: datetime, is_in_a_row: bool = True) -> None:
    """Undo one count, in the open transaction: the response was not checked. An hour that began later is left alone."""
    _TRIES.give_back(_key(user_id, authenticator), taken_at=taken_at, step=int(is_in_a_row))


def clear(user_id: int, authenticator: str) -> None:
    """Forget the tries of one authenticator, in the open transaction: it was verified."""
    _TRIES.clear(_key(user_id, authenticator))


def enable(user_id: int, authenticator: str | None = None) -> None:
    """Allow tries of an authenticator (or of all of the user's) again: after recovery, enrolment, or by an operator."""
    condition: ColumnElement[bool] = FactorThrottle.user_id == user_id
    if authenticator is not None:
        condition &= FactorThrottle.authenticator == authenticator
    with transaction():
        # Lock in name order, as `take` does for several authenticators: this avoids a deadlock.
        in_order = select(FactorThrottle.authenticator).where(condition).order_by(FactorThrottle.authenticator)
        fetch_all(in_order.with_for_update())
        execute(delete(FactorThrottle).where(condition))


def is_disabled(user_id: int | Given, authenticator: str) -> ColumnElement[bool]:
    """Return, for a statement, whether 100 wrong responses in a row disabled an authenticator."""
    is_it = (FactorThrottle.user_id == user_id) & (FactorThrottle.authenticator == authenticator)
    return exists().where(is_it, FactorThrottle.in_a_row >= DISABLED_AT)


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return how often each of the user's authenticators was tried without success."""
    columns = (
        FactorThrottle.authenticator, FactorThrottle.in_a_row, FactorThrottle.in_window,
        FactorThrottle.window_started_at,
    )  # fmt: skip
    return rows_about(FactorThrottle.user_id == user_id, *columns)


def _refusal(
    user_id: int, authenticator: str, hour: SlidingWindow, disabled_at: int, now: datetime
) -> AuthenticatorDisabled | TooManyAttempts:
    row = _TRIES.find(_key(user_id, authenticator))
    if row is not None and row.in_a_row >= disabled_at:
        return AuthenticatorDisabled()
    wait = hour.seconds_left(row, count=row.in_window, now=now) if row is not None else 1
    return TooManyAttempts("Too many wrong codes. Try again later.", retry_after_seconds=wait)


def _key(user_id: int, authenticator: str) -> dict[str, int | str]:
    return {"user_id": user_id, "authenticator": authenticator}
