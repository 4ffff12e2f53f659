"""Reads the ledger for operators, and deletes its oldest days."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Row, select

from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.transactions import fetch_all
from otp_service.core.services import settings
from otp_service.spending.charges import APP, TOTAL, WITHOUT_CAP, find_cap
from otp_service.spending.models import SpendDay, SpendWarning
from otp_service.spending.money import in_words, units_of
from otp_service.spending.settings import SpendSettings


@dataclass(frozen=True, slots=True)
class Line:
    """What one day cost in one row of the ledger; amounts as texts, in SPEND_CURRENCY.

    `scope` is `total`, `country`, `people` or `app`. `open` is what is spent, but not billed yet. `cap` is today's.
    """

    day: date
    scope: str
    country: str | None
    app: str | None
    messages: int
    reserved: str
    given_back: str
    billed: str
    open: str
    spent: str
    cap: str | None
    percent: int | None
    refused: int


@dataclass(frozen=True, slots=True)
class Part:
    """What everyone but sign-ins has used of the part of a cap that is theirs; amounts as in `Line`."""

    scope: str
    country: str | None
    spent: str
    cap: str
    percent: int | None


def parts_of(day: date) -> list[Part]:
    """Return the part of each cap that everyone but sign-ins may use; none if nothing is reserved for sign-ins."""
    kept = settings().of(SpendSettings).reserved_percent
    rows = fetch_all(select(SpendDay.subject, SpendDay.strangers).where(SpendDay.day == day).order_by(SpendDay.subject))
    found = []
    for row in rows:
        most = find_cap(row.subject)
        if not kept or most == WITHOUT_CAP:
            continue
        part = most * (100 - kept) // 100
        scope, _, country = row.subject.partition(":")
        percent = row.strangers * 100 // part if part else None
        found.append(Part(scope, country or None, in_words(row.strangers), in_words(part), percent))
    return sorted(found, key=lambda one: one.scope != TOTAL)


def lines_of(day: date, *, app_caps: Mapping[str, Decimal | None]) -> list[Line]:
    """Return the ledger of one UTC day: the total, then people and apps, then countries. `app_caps` are by name."""
    rows = fetch_all(select(*SpendDay.__table__.columns).where(SpendDay.day == day))
    lines = [_line(row, app_caps) for row in rows]
    return sorted(lines, key=lambda line: (line.scope != TOTAL, line.country or "", line.app or ""))


def _line(row: Row[tuple[object, ...]], app_caps: Mapping[str, Decimal | None]) -> Line:
    scope, _, name = row.subject.partition(":")
    cap = find_cap(row.subject)
    if row.subject.startswith(APP) and (own := app_caps.get(name)) is not None:
        cap = units_of(own)
    has_cap = cap < WITHOUT_CAP
    return Line(
        day=row.day,
        scope=scope,
        country=name if scope == "country" else None,
        app=name if scope == "app" else None,
        messages=row.messages,
        reserved=in_words(row.reserved),
        given_back=in_words(row.given_back),
        billed=in_words(row.billed),
        open=in_words(row.spent - row.billed),
        spent=in_words(row.spent),
        cap=in_words(cap) if has_cap else None,
        percent=row.spent * 100 // cap if has_cap and cap else None,
        refused=row.refused,
    )


def forget(before: datetime) -> int:
    """Delete the days before a time; return how many rows."""
    day = before.date()
    return sum(delete_in_batches(model, model.day < day) for model in (SpendDay, SpendWarning))
