"""Reserves the price of a message before it is sent, and refuses it where a day's cap leaves no room (ADR 45).

| who asks                                                                | may use of each cap                   |
|-------------------------------------------------------------------------|---------------------------------------|
| a sign-in or step-up with the password or session of a verified account | all of it                             |
| registration and the first sign-in: the phone is not verified           | all but SPEND_RESERVED_FOR_SIGN_INS % |
| a request by name, a reset of the password, a change of number          | all but SPEND_RESERVED_FOR_SIGN_INS % |
| a backend's app                                                         | the same, within its --spend-per-day  |
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from otp_service.core import clock
from otp_service.core.database.transactions import run_after_rollback
from otp_service.core.errors import ServiceError
from otp_service.spending import alerts, ledger
from otp_service.spending.alerts import Passed
from otp_service.spending.charges import APP, Charge
from otp_service.spending.errors import AppSpendLimit, SpendCapReached
from otp_service.spending.ledger import CapPassed


def reserve(charge: Charge, *, app_per_day: int | None, now: datetime) -> list[Passed]:
    """Count a message in the open transaction, whose last statement this is. Raises SpendCapReached, AppSpendLimit.

    Returns the steps of caps that it passed, for `alerts.warn` after the commit. `app_per_day` is in units.
    """
    with _refusing(charge, charge.units, now):
        return alerts.passed_by(ledger.take(charge, app_per_day=app_per_day))


def hand_over(charge: Charge, *, instead_of: Charge, app_per_day: int | None, now: datetime) -> list[Passed]:
    """Count a message in place of one that surely did not leave. Does, raises and returns what `reserve` does."""
    with _refusing(charge, charge.units - instead_of.units, now):
        return alerts.passed_by(ledger.take(charge, instead_of=instead_of, app_per_day=app_per_day))


@contextmanager
def _refusing(charge: Charge, units: int, now: datetime) -> Iterator[None]:
    try:
        yield
    except CapPassed as passed:
        # The refusal rolls back all that the request took. What it leaves is written afterwards.
        run_after_rollback(partial(alerts.count_refusal, passed.cap, units=units, day=charge.day, now=now))
        raise _refusal(passed.cap.subject, now) from passed


def _refusal(subject: str, now: datetime) -> ServiceError:
    wait = (clock.end_of(clock.day_of(now)) - now).total_seconds()
    if subject.startswith(APP):
        return AppSpendLimit(retry_after_seconds=wait)
    return SpendCapReached(retry_after_seconds=wait)
