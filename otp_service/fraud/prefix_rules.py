"""An operator's lists: prefixes that are denied, or exempt from the guard. The longest prefix of a number decides."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import phonenumbers
from sqlalchemy import ColumnElement, delete, or_

from otp_service import audit
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock, phone
from otp_service.core.database.rows import Projection
from otp_service.core.database.transactions import execute, fetch_all, transaction, upsert
from otp_service.fraud.models import LONGEST_REASON, FraudRule

_PREFIX = re.compile(r"\+[1-9][0-9]{0,14}")
_COUNTRY_CODES, _CODE_LENGTHS = frozenset(phonenumbers.COUNTRY_CODE_TO_REGION_CODE), (1, 2, 3)
_SHARED_CODES = frozenset({"1", "7"})  # North America and the Caribbean; Russia and Kazakhstan
_SEPARATORS = re.compile(r"[ ()\[\].\-/~]")


class RuleAction(StrEnum):
    """What a rule does with a number."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Without `expires_at` it lasts until it is removed."""

    prefix: str
    action: str
    reason: str
    author: str
    created_at: datetime
    expires_at: datetime | None

    def is_in_force(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or self.expires_at > now


class RuleFault(Exception):
    """A rule cannot be stored or found; the text says why, for the operator."""


_RULES = Projection(Rule, FraudRule)


def read_prefix(text: str, *, default_region: str | None = None) -> str:
    """Return the prefix or number that a text spells, in E.164. Raises RuleFault."""
    number = phone.parse(text, default_region=default_region)
    if number is not None:
        return number.e164
    digits = _SEPARATORS.sub("", text.strip())
    digits = f"+{digits[2:]}" if digits.startswith("00") else digits
    if not _PREFIX.fullmatch(digits):
        raise RuleFault(f"{text!r} is no prefix and no number: write + and the first digits, such as +44 or +447700.")
    return digits


def is_wide(prefix: str) -> bool:
    """Whether a prefix covers several countries: it is no whole country code, or one that countries share."""
    digits = prefix.removeprefix("+")
    is_begun = not any(int(digits[:length]) in _COUNTRY_CODES for length in _CODE_LENGTHS)
    return is_begun or digits in _SHARED_CODES


def prefixes_of(number: str) -> tuple[str, ...]:
    """Return every prefix that a rule for a number can have."""
    return tuple(number[:length] for length in range(2, len(number) + 1))


def put(action: RuleAction, prefix: str, *, reason: str, author: str, expires_at: datetime | None = None) -> Rule:
    """Store a rule, in place of an earlier one with this prefix. Raises RuleFault."""
    now = clock.now()
    _require_usable(reason, expires_at, now)
    rule = Rule(prefix, action, reason.strip(), author[:64], now, expires_at)
    values = {name: getattr(rule, name) for name in ("action", "reason", "author", "created_at", "expires_at")}
    with transaction():
        statement = upsert(FraudRule).values(prefix=prefix, **values)
        execute(statement.on_conflict_do_update(index_elements=["prefix"], set_=values))
        facts = {"action": action.value, "reason": rule.reason, "author": rule.author, **_expiry(expires_at)}
        audit.record("fraud.rule_added", user_id=None, client=COMMAND_LINE, at=now, prefix=shown(prefix), **facts)
    return rule


def remove(prefix: str, *, author: str) -> Rule:
    """Delete a rule and return it. Raises RuleFault."""
    now = clock.now()
    with transaction():
        found = _RULES.values(fetch_all(_RULES.select().where(FraudRule.prefix == prefix)))
        if not found or execute(delete(FraudRule).where(FraudRule.prefix == prefix)).rowcount != 1:
            raise RuleFault(f"There is no rule for {prefix}. Try: flask fraud list")
        facts = {"action": found[0].action, "author": author[:64]}
        audit.record("fraud.rule_removed", user_id=None, client=COMMAND_LINE, at=now, prefix=shown(prefix), **facts)
    return found[0]


def list_all() -> list[Rule]:
    """Return every rule, in the order of prefixes, also those that have expired."""
    return _RULES.values(fetch_all(_RULES.select().order_by(FraudRule.prefix)))


def in_force(now: Any) -> ColumnElement[bool]:
    """Return the condition that a rule has not expired at a time."""
    return or_(FraudRule.expires_at.is_(None), FraudRule.expires_at > now)


def forget(before: datetime) -> int:
    """Delete the rules that expired before a time; return how many."""
    with transaction():
        return int(execute(delete(FraudRule).where(FraudRule.expires_at < before)).rowcount)


def shown(prefix: str) -> str:
    """Return a prefix as the trail shows it: no event has a whole number."""
    return phone.mask(prefix) if phone.parse(prefix) is not None else prefix


def _expiry(expires_at: datetime | None) -> dict[str, str]:
    return {} if expires_at is None else {"expiresAt": expires_at.isoformat()}


def _require_usable(reason: str, expires_at: datetime | None, now: datetime) -> None:
    if not reason.strip():
        raise RuleFault("Say why, with --reason: others will read it when they wonder about this rule.")
    if len(reason.strip()) > LONGEST_REASON:
        raise RuleFault(f"The reason has {len(reason.strip())} characters; {LONGEST_REASON} are possible.")
    if expires_at is not None and expires_at <= now:
        raise RuleFault(f"The rule would have expired already, at {expires_at:%Y-%m-%d %H:%M:%S} UTC.")
