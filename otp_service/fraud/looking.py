"""Reads all that a decision needs in one SELECT: rules for the number, nodes, and what these have not learned yet.

So a decision costs one round trip, and sees every send that was committed before it, whether or not a worker folds
them (ADR 47).
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, bindparam, literal_column, null, select, union_all

from otp_service.core.database.transactions import fetch_all
from otp_service.core.phone import E164_LENGTH
from otp_service.fraud import prefix_rules, records
from otp_service.fraud.attempt import Attempt, keys_of
from otp_service.fraud.learning import learn
from otp_service.fraud.models import FraudNode, FraudRule, FraudSend
from otp_service.fraud.node import Node
from otp_service.fraud.prefix_rules import Rule
from otp_service.fraud.sends import LESSONS, Lesson, is_due

MOST_LESSONS = 1_000
"""How many unlearned sends a decision looks at. Requests and the worker keep them far below (see `folding`)."""

CLOCKS_APART = timedelta(seconds=5)
"""A send that another machine wrote may seem to come from the future."""

_KEYS = 10
_PREFIXES = E164_LENGTH - 1
_RULE, _NODE, _LESSON = "rule", "node", "lesson"
_PLACES = {field.name: place for place, field in enumerate(fields(Lesson))}
_RULE_AT = {
    "prefix": "key", "action": "decision", "reason": "block", "author": "reason", "created_at": "at",
    "expires_at": "outcome_at",
}  # fmt: skip
"""Which column of a lesson has which field of a rule, in the order of its fields."""


@dataclass(frozen=True, slots=True)
class View:
    """The rules in force for a number, the longest first, and its nodes with all learned that is due.

    `backlog` counts the sends that the stored nodes have not learned from.
    """

    rules: tuple[Rule, ...]
    nodes: dict[str, Node]
    backlog: int


def look(number: str, attempt: Attempt, *, now: datetime) -> View:
    """Return what is known about an attempt at this moment, in the open transaction or outside one.

    The whole number is looked up in the rules; the attempt has the first one of its block.
    """
    keys, prefixes = keys_of(attempt), prefix_rules.prefixes_of(number)
    values: dict[str, Any] = {"now": now, "due": now + CLOCKS_APART}
    values |= {f"key_{n}": keys[n] if n < len(keys) else "" for n in range(_KEYS)}
    values |= {f"prefix_{n}": prefixes[n] if n < len(prefixes) else "" for n in range(_PREFIXES)}
    nodes: dict[str, Node] = {}
    found: list[Rule] = []
    waiting: list[Lesson] = []
    for kind, *columns in fetch_all(_all_about(), values):
        if kind == _LESSON:
            waiting.append(Lesson(*columns))
        elif kind == _NODE:
            nodes[columns[_PLACES["key"]]] = records.read(columns[_PLACES["block"]])
        else:
            found.append(Rule(*(columns[_PLACES[place]] for place in _RULE_AT.values())))
    learn(waiting, nodes, horizon=now, only=keys)
    found.sort(key=lambda rule: len(rule.prefix), reverse=True)
    return View(tuple(found), nodes, len(waiting))


@cache
def _all_about() -> CompoundSelect[Any]:
    """Return the statement: three kinds of rows, in the columns of a lesson."""
    waiting = LESSONS.select().where(is_due(bindparam("due"))).order_by(FraudSend.due_at).limit(MOST_LESSONS).subquery()
    lessons = select(literal_column(f"'{_LESSON}'"), *waiting.columns)
    is_key = FraudNode.key.in_([bindparam(f"key_{n}") for n in range(_KEYS)])
    nodes = select(literal_column(f"'{_NODE}'"), *_placed({"key": FraudNode.key, "block": FraudNode.state}))
    is_prefix = FraudRule.prefix.in_([bindparam(f"prefix_{n}") for n in range(_PREFIXES)])
    columns = {place: getattr(FraudRule, name) for name, place in _RULE_AT.items()}
    of_number = select(literal_column(f"'{_RULE}'"), *_placed(columns))
    rules_of_number = of_number.where(is_prefix, prefix_rules.in_force(bindparam("now")))
    return union_all(lessons, nodes.where(is_key), rules_of_number)


def _placed(columns: dict[str, Any]) -> list[ColumnElement[Any]]:
    """Return a column for each of a lesson's, NULL for those without one."""
    return [columns.get(place, null()).label(place) for place in _PLACES]
