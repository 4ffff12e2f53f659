"""Reads and writes the sends that the guard saw: each with its inputs, the decision, and what became of it (ADR 47).

A number is stored without its last three digits, and as a keyed hash: this tells numbers apart, and names none.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntFlag, StrEnum
from functools import cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Table,
    TextClause,
    Update,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    text,
    update,
)

from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import UtcDateTime, execute, execute_later, fetch_all, transaction
from otp_service.core.services import settings
from otp_service.fraud.attempt import Attempt, keys_of
from otp_service.fraud.guard import EXPIRES_AFTER, Decision, Send, send_of
from otp_service.fraud.models import FraudSend
from otp_service.fraud.settings import FraudSettings, Mode

BLOCK_DIGITS = 3
"""A block of 1,000 numbers: the digits of a number that are not stored."""

ROWS_PER_MINUTE = 64
"""The most rows that the refusals by one node fill in a minute, however many numbers are tried."""

_REFUSALS = uuid.UUID("5b1e4a0a-6e9c-4c39-9d54-0f5a3a0c7c11")
_HASH_LENGTH = 22


class Outcome(StrEnum):
    """What became of a code, as far as it says something. A code that expired says so by its age."""

    VERIFIED = "verified"
    UNDELIVERED = "undelivered"


class Learned(IntFlag):
    """What the nodes have learned of a send."""

    SENT = 1
    WITHDRAWN = 2
    VERIFIED = 4
    EXPIRED = 8
    REFUSED = 16


_LEARNED_OF = {Outcome.UNDELIVERED: Learned.WITHDRAWN, Outcome.VERIFIED: Learned.VERIFIED}


@dataclass(frozen=True, slots=True)
class Lesson:
    """A send of which the nodes have something to learn."""

    id: uuid.UUID
    at: datetime
    block: str
    ip: str
    channel: str
    price: Decimal
    decision: str
    reason: str
    key: str | None
    was_sent: bool
    times: int
    counted: int
    probed: int
    outcome: str | None
    outcome_at: datetime | None
    folded: int

    @property
    def attempt(self) -> Attempt:
        """The attempt, with the first number of its block."""
        return attempt_in(self.block, at=self.at, ip=self.ip, channel=self.channel, price=self.price)

    @property
    def send(self) -> Send:
        """What is folded."""
        keys = keys_of(self.attempt)
        probed = _named(self.probed, keys) if self.probed else ()
        return Send(self.at.timestamp(), _named(self.counted, keys), probed)

    @property
    def expires_at(self) -> datetime:
        """When a probe whose code was not verified says so. Other sends say so by their age."""
        return self.at + _LIFE

    def is_expired(self, horizon: datetime) -> bool:
        """Whether it is a probe whose code was not verified in time."""
        return self.probed > 0 and self.outcome is None and self.expires_at <= horizon

    def after(self, horizon: datetime) -> tuple[int, datetime | None]:
        """Return what is folded once all is that is due at a time, and when there is more to learn."""
        if not self.was_sent:
            return self.times, None
        learned = self.folded | _SENT
        if self.outcome is not None:
            return learned | _LEARNED_OF[Outcome(self.outcome)].value, None
        if self.is_expired(horizon):
            return learned | Learned.EXPIRED.value, None
        return learned, self.expires_at if self.probed and not self.folded & Learned.EXPIRED.value else None


_SENT = Learned.SENT.value  # a flag is slow to compare, and each decision does so for each send that waits
_LIFE = timedelta(seconds=EXPIRES_AFTER)
LESSONS = Projection(Lesson, FraudSend)
_add = prepared_insert(FraudSend)


def _bits(keys: tuple[str, ...], places: tuple[str, ...]) -> int:
    """Return which of an attempt's keys these are, a bit for each place."""
    return sum(1 << place for place, key in enumerate(places) if key in keys)


def _named(bits: int, places: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for place, key in enumerate(places) if bits & 1 << place)


def attempt_in(block: str, *, at: datetime, ip: str, channel: str, price: Decimal) -> Attempt:
    """Return an attempt for the first number of a block of 1,000."""
    return Attempt(at.timestamp(), first_number_of(block), ip, channel, float(price))


def block_of(number: str) -> str:
    """Return the block of 1,000 that a number is in: all but its last digits."""
    return number[:-BLOCK_DIGITS]


def first_number_of(block: str) -> str:
    """Return the first number of a block of 1,000."""
    return block + "0" * BLOCK_DIGITS


@dataclass(frozen=True, slots=True)
class Findings:
    """What the guard found about an attempt: `decision` is what all nodes say, `acted` what is carried out.

    In the modes that only record, `acted` allows what `decision` does not. With `rule`, an operator's list decided.
    The attempt has the first number of its block: the last digits of `number` are not stored, and decide nothing.
    """

    number: str
    attempt: Attempt
    decision: Decision
    acted: Decision
    rule: str | None = None

    @property
    def reason(self) -> str:
        """Why, for programs."""
        return self.decision.reason.value if self.rule is None else self.rule


def add(send_id: uuid.UUID, found: Findings, *, at: datetime) -> None:
    """Store a send that is about to leave, in the open transaction."""
    execute_later(*_add(**values_of(send_id, found, at=at)))


def values_of(send_id: uuid.UUID, found: Findings, *, at: datetime) -> dict[str, Any]:
    """Return the row of a send that is about to leave."""
    attempt, decision = found.attempt, found.decision
    keys, send = keys_of(attempt), send_of(attempt, found.acted)
    return {
        **_inputs(found, at),
        "id": send_id,
        "decision": decision.action.value,
        "reason": found.reason,
        "key": decision.key,
        "was_sent": True,
        "times": 1,
        "counted": _bits(send.counted_at, keys),
        "probed": _bits(send.probed, keys),
        "outcome": None,
        "outcome_at": None,
        "folded": 0,
        "due_at": at if send.counted_at else None,
    }


def add_refusal(found: Findings, *, at: datetime) -> None:
    """Count a refusal, in the open transaction: one row for those of a number in a minute.

    A flood must not fill the disk: beyond some numbers, refusals by one node in one minute share rows.
    """
    attempt, acted = found.attempt, found.acted
    inputs, key = _inputs(found, at), acted.key or found.reason
    place = int.from_bytes(inputs["number_hash"].encode()[:8], "big") % ROWS_PER_MINUTE
    row_id = uuid.uuid5(_REFUSALS, f"{key} {int(attempt.at // 60)} {place}")
    counted = _bits(send_of(attempt, acted).counted_at, keys_of(attempt))
    values = {
        **inputs,
        "counted": counted,
        "due_at": at if counted else None,
        "id": row_id,
        "decision": acted.action.value,
        "reason": acted.reason.value if found.rule is None else found.rule,
        "key": acted.key,
    }
    execute(_count_refusal(), values)


@cache
def _count_refusal() -> TextClause:
    """Return the statement as text: SQLAlchemy compiles one with ON CONFLICT each time that it runs (ADR 16)."""
    table = cast(Table, FraudSend.__table__)
    given = ("id", "at", "block", "number_hash", "ip", "channel", "price", "decision", "reason", "key", "counted",
             "due_at")  # fmt: skip
    sql = (
        f"INSERT INTO fraud_sends AS t ({', '.join(given)}, was_sent, times, probed, folded)"  # noqa: S608
        f" VALUES ({', '.join(f':{name}' for name in given)}, false, 1, 0, 0)"
        " ON CONFLICT (id) DO UPDATE SET times = t.times + 1, due_at = excluded.due_at"
    )
    return text(sql).bindparams(*(bindparam(name, type_=table.columns[name].type) for name in given))


def _inputs(found: Findings, at: datetime) -> dict[str, Any]:
    attempt = found.attempt
    return {
        "at": at,
        "block": block_of(attempt.number),
        "number_hash": _hash_of(found.number),
        "ip": attempt.ip,
        "channel": attempt.channel,
        "price": Decimal(f"{attempt.price:.4f}"),
    }


def _hash_of(number: str) -> str:
    """Return the keyed hash of a number whose pseudonym is another number than itself."""
    hashed = keyring().digest(number, purpose="fraud: number")[:_HASH_LENGTH]
    if pseudonym(block_of(number), hashed) == number:
        hashed = keyring().digest(f"{number} ", purpose="fraud: number")[:_HASH_LENGTH]
    return hashed


def pseudonym(block: str, number_hash: str) -> str:
    """Return the number in a block that stands for a hash."""
    digits = int.from_bytes(number_hash.encode(), "big") % 10**BLOCK_DIGITS
    return f"{block}{digits:0{BLOCK_DIGITS}}"


# What became of a send


def note(send_id: uuid.UUID, outcome: Outcome, *, at: datetime) -> None:
    """Record what became of a send, in the open transaction. A verified code outweighs a receipt that says no."""
    if settings().of(FraudSettings).mode is Mode.OFF:
        return
    values = {"outcome": outcome.value, "outcome_at": at, "due_at": at}
    execute_later(*(_verified if outcome is Outcome.VERIFIED else _undelivered)(send_id, **values))


@prepared
def _verified(send_id: Given) -> Update:
    is_news = or_(FraudSend.outcome.is_(None), FraudSend.outcome != Outcome.VERIFIED)
    return update(FraudSend).where(FraudSend.id == send_id, FraudSend.counted > 0, is_news)


@prepared
def _undelivered(send_id: Given) -> Update:
    return update(FraudSend).where(FraudSend.id == send_id, FraudSend.counted > 0, FraudSend.outcome.is_(None))


def hand_on(send_id: uuid.UUID, successor_id: uuid.UUID, *, channel: str, price: Decimal) -> None:
    """Let the message that takes the place of one that failed stand for the send, in the open transaction."""
    if settings().of(FraudSettings).mode is Mode.OFF:
        return
    values = {"id": successor_id, "channel": channel, "price": price}
    execute(update(FraudSend).where(FraudSend.id == send_id).values(**values))


# What the nodes have to learn


def lessons(*, now: datetime, limit: int) -> list[Lesson]:
    """Return the sends of which the nodes have something to learn, those that wait longest first."""
    statement = LESSONS.select().where(is_due(now)).order_by(FraudSend.due_at).limit(limit)
    return LESSONS.values(fetch_all(statement))


def is_due(now: Any) -> ColumnElement[bool]:
    """Return the condition that the nodes have something to learn at a time."""
    return cast(ColumnElement[bool], FraudSend.due_at <= now)


def count_due(now: datetime) -> int:
    """Return how many sends wait to be learned from."""
    return int(fetch_all(select(func.count()).select_from(FraudSend).where(is_due(now)))[0][0])


def mark_learned(folded: Sequence[Lesson], *, horizon: datetime) -> None:
    """Note that the nodes have learned all of these, in the transaction that writes the nodes."""
    groups: dict[tuple[Any, ...], list[uuid.UUID]] = {}
    for lesson in folded:
        groups.setdefault((lesson.outcome, lesson.times, *lesson.after(horizon)), []).append(lesson.id)
    for (outcome, times, learned, next_due), ids in groups.items():
        # What was recorded meanwhile is still to be learned: its row stays due.
        is_same = FraudSend.outcome.is_(None) if outcome is None else FraudSend.outcome == outcome
        due = case((is_same & (FraudSend.times == times), literal(next_due, UtcDateTime)), else_=FraudSend.due_at)
        execute(update(FraudSend).where(FraudSend.id.in_(ids)).values({"folded": learned, "due_at": due}))


def moments(waiting: Iterable[Lesson], *, horizon: datetime) -> Iterator[tuple[float, Learned, Send, int]]:
    """Yield what is to be folded, in the order of time, and how often."""
    found: list[tuple[float, int, Learned, Send, int]] = []
    for place, lesson in enumerate(waiting):
        send = lesson.send
        if not lesson.was_sent:
            found.append((send.at, place, Learned.REFUSED, send, lesson.times - lesson.folded))
            continue
        if not lesson.folded & _SENT:
            found.append((send.at, place, Learned.SENT, send, 1))
        if lesson.outcome is not None and lesson.outcome_at is not None:
            end = _LEARNED_OF[Outcome(lesson.outcome)]
            if not lesson.folded & end.value:
                found.append((lesson.outcome_at.timestamp(), place, end, send, 1))
        elif lesson.is_expired(horizon) and not lesson.folded & Learned.EXPIRED.value:
            found.append((lesson.expires_at.timestamp(), place, Learned.EXPIRED, send, 1))
    found.sort(key=_by_time)
    for at, _, what, send, times in found:
        yield at, what, send, times


_by_time = itemgetter(0, 1)


def skip(prefix: str) -> None:
    """Let the nodes learn no more of what waits for numbers with a prefix, in the open transaction."""
    # Of a whole number, or nearly so, the block is shorter than the prefix.
    blocks = [prefix[: len(prefix) - dropped] for dropped in range(1, BLOCK_DIGITS + 1)]
    is_there = or_(FraudSend.block.startswith(prefix, autoescape=True), FraudSend.block.in_(blocks))
    execute(update(FraudSend).where(FraudSend.due_at.is_not(None), is_there).values(due_at=None))


# Forgetting


def forget(before: datetime) -> int:
    """Delete the history before a time; return how many rows."""
    return delete_in_batches(FraudSend, FraudSend.at < before)


def disown(ids: Sequence[uuid.UUID]) -> None:
    """Take from sends what tells whose they were, in the open transaction that erases their owner."""
    values = {"number_hash": "", "ip": ""}
    with transaction():
        execute(update(FraudSend).where(FraudSend.id.in_(ids)).values(values))
