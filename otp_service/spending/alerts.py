"""Warns operators at 50, 80 and 100 percent of each cap, once a day and step: by log, e-mail and event (ADR 45)."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, Select, bindparam, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from otp_service import audit, outbox
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, execute_last, fetch_one, transaction, upsert
from otp_service.core.services import settings
from otp_service.spending.charges import Cap
from otp_service.spending.ledger import Counted
from otp_service.spending.models import SpendDay, SpendWarning
from otp_service.spending.money import in_words
from otp_service.spending.settings import SpendSettings

STEPS = (50, 80, 100)
"""Percent of a cap."""

FULL = 100
NEAR, REACHED = "spend.cap_near", "spend.cap_reached"
STRANGERS_STOPPED = 80
"""The step that is reported when only sign-ins may still use the cap, whatever share is reserved for them."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Passed:
    """A step of a cap that a message reached, or at which it was refused."""

    cap: Cap
    percent: int
    spent: int


def passed_by(counted: Iterable[Counted]) -> list[Passed]:
    """Return the steps that a message passed: for most messages none, without asking the database."""
    return [
        Passed(row.cap, step, row.spent)
        for row in counted
        if (step := _step_of(row.spent, row.cap.most)) > row.warned
    ]  # fmt: skip


def _step_of(spent: int, most: int) -> int:
    return max((step for step in STEPS if spent * FULL >= step * most), default=0)


def warn(passed: Iterable[Passed], *, day: date, now: datetime) -> None:
    """Report steps after the commit of the message that passed them, unless another request did.

    A process that dies in between leaves the step to the next message, as a database that fails now does.
    """
    for one in passed:
        try:
            _warn(one, day, now)
        except SQLAlchemyError as error:
            # The message counts, and has to be sent.
            log.warning("spend.not_reported", extra={"reason": type(error).__name__, "percent": one.percent})


def _warn(passed: Passed, day: date, now: datetime) -> None:
    values = {"day": day, "about": passed.cap.subject, "percent": passed.percent}
    with transaction():
        # A row of its own decides which request reports the step. The ledger's rows are locked after all others, so no
        # event may be written behind one (ADR 45).
        if execute(upsert(SpendWarning).values(values).on_conflict_do_nothing()).rowcount == 1:
            _report(passed, day, now)


def count_refusal(cap: Cap, *, units: int, day: date, now: datetime) -> None:
    """Count a message that a cap stopped, and report the cap, after the transaction of the message was rolled back."""
    with transaction():
        found = fetch_one(*_standing(day, cap.subject))
        if found is None:
            return  # the cap is below the price of one message: there is no row to report it in
        execute_last(_REFUSED, {"day": day, "subject": cap.subject})
        # Where strangers have used their part up, sign-ins go on.
        step = FULL if found.spent + units > cap.most else STRANGERS_STOPPED
        if step > found.warned:
            _warn(Passed(cap, step, found.spent), day, now)


_REFUSED = text("UPDATE spend_days SET refused = refused + 1 WHERE day = :day AND subject = :subject").bindparams(
    bindparam("day", type_=Date)
)


@prepared
def _standing(day: Given, subject: Given) -> Select[Any]:
    reported = select(func.coalesce(func.max(SpendWarning.percent), 0)).where(
        SpendWarning.day == day, SpendWarning.about == subject
    )
    columns = (SpendDay.spent, reported.scalar_subquery().label("warned"))
    return select(*columns).where(SpendDay.day == day, SpendDay.subject == subject)


def _report(passed: Passed, day: date, now: datetime) -> None:
    """Write the event and the e-mails, in the open transaction that has taken the step."""
    facts = _facts(passed, day)
    event = REACHED if passed.percent == FULL else NEAR
    log.warning(event, extra=facts)
    audit.append(event, user_id=None, client=audit.SERVICE, at=now, **facts)
    spending = settings().of(SpendSettings)
    for address in spending.alert_addresses:
        outbox.enqueue(
            "spend_cap",
            to=address,
            locale=None,
            now=now,
            percent=passed.percent,
            spent=f"{facts['spent']} {spending.currency}",
            cap=f"{facts['cap']} {spending.currency}",
            country=facts.get("country"),
            app=facts.get("app"),
            others=_for_others(passed, spending.currency),
        )


def _for_others(passed: Passed, currency: str) -> str | None:
    """Return what everyone but sign-ins may use, None once the cap stops them as well or reserves no part."""
    if passed.percent == FULL or passed.cap.for_strangers == passed.cap.most:
        return None
    return f"{in_words(passed.cap.for_strangers)} {currency}"


def _facts(passed: Passed, day: date) -> dict[str, Any]:
    scope, _, name = passed.cap.subject.partition(":")
    return {
        "scope": scope,
        **({scope: name} if name else {}),
        "day": day.isoformat(),
        "percent": passed.percent,
        "spent": in_words(passed.spent),
        "cap": in_words(passed.cap.most),
        "currency": settings().of(SpendSettings).currency,
    }
