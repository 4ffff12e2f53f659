"""The blocks: each node that refuses, from its first refusal on. The trail and other services learn of each once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select, true

from otp_service import audit
from otp_service.audit import SERVICE
from otp_service.core.database.rows import Projection
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction, upsert
from otp_service.fraud.attempt import OF_SERVICE, Attempt, depth_of, keys_of
from otp_service.fraud.evidence import Evidence, weigh_all
from otp_service.fraud.looking import look
from otp_service.fraud.models import FraudBlock
from otp_service.fraud.node import Node
from otp_service.fraud.sends import attempt_in, block_of


@dataclass(frozen=True, slots=True)
class Block:
    """A node that refuses, and the send that it refused first. `is_enforced`: not only recorded."""

    key: str
    started_at: datetime
    reason: str
    is_enforced: bool
    block: str
    ip: str
    channel: str
    price: Decimal

    def attempt(self, now: datetime) -> Attempt:
        """Return the same attempt at another time."""
        return attempt_in(self.block, at=now, ip=self.ip, channel=self.channel, price=self.price)


_BLOCKS = Projection(Block, FraudBlock)


def list_all() -> list[Block]:
    """Return the blocks that have not ended, the oldest first."""
    return _BLOCKS.values(fetch_all(_BLOCKS.select().order_by(FraudBlock.started_at, FraudBlock.key)))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A node that refuses, why, and with which counts."""

    key: str
    reason: str
    evidence: Evidence


def begin(attempt: Attempt, refusal: Refusal, *, is_enforced: bool, at: datetime) -> bool:
    """Note the first refusal by a node, in the open transaction; return whether this was the first."""
    values: dict[str, Any] = {
        "key": refusal.key,
        "started_at": at,
        "reason": refusal.reason,
        "is_enforced": is_enforced,
        "block": block_of(attempt.number),
        "ip": attempt.ip,
        "channel": attempt.channel,
        "price": Decimal(f"{attempt.price:.4f}"),
    }
    # A look first: the insert would lock the row of a block that stands, and its refusals would queue for it.
    is_noted = (FraudBlock.key == refusal.key) & (FraudBlock.is_enforced if is_enforced else true())
    if fetch_one(select(FraudBlock.key).where(is_noted)) is not None:
        return False
    first = upsert(FraudBlock).values(**values)
    # Of parallel refusals, one writes the row and tells of the block (ADR 47). A block that was only recorded begins
    # again when it refuses.
    is_news = ~FraudBlock.is_enforced & first.excluded.is_enforced
    again = {"started_at": at, "is_enforced": is_enforced}
    statement = first.on_conflict_do_update(index_elements=["key"], set_=again, where=is_news)
    if execute(statement).rowcount != 1:
        return False
    facts = recorded(refusal.key, refusal.evidence, until=refusal.evidence.ends_at(at.timestamp()))
    facts |= {"reason": refusal.reason, "isEnforced": is_enforced}
    audit.record("fraud.block_started", user_id=None, client=SERVICE, at=at, **facts)
    return True


def end_over(now: datetime) -> list[str]:
    """End the blocks whose nodes would refuse no more; return their keys. Needs no open transaction."""
    ended = []
    for block in list_all():
        attempt = block.attempt(now)
        evidence = weighed(attempt, look(attempt.number, attempt, now=now).nodes).get(block.key)
        if evidence is None or not evidence.is_refusing:
            ended += [block.key] if end(block, evidence, because="decayed", at=now) else []
    return ended


def end(block: Block, evidence: Evidence | None, *, because: str, at: datetime) -> bool:
    """End one block; return whether this call did it."""
    is_it = (FraudBlock.key == block.key) & (FraudBlock.started_at == block.started_at)
    with transaction():
        if execute(delete(FraudBlock).where(is_it)).rowcount != 1:
            return False
        facts = recorded(block.key, evidence or _NOTHING, until=None)
        facts |= {"because": because, "isEnforced": block.is_enforced}
        facts["startedAt"] = block.started_at.isoformat()
        audit.record("fraud.block_ended", user_id=None, client=SERVICE, at=at, **facts)
        return True


def weighed(attempt: Attempt, nodes: Mapping[str, Node]) -> dict[str, Evidence]:
    """Return what each node says that has failures, the pools of new prefixes included.

    A block of a pool holds for other numbers, although the number that began it may be a known one by now.
    """
    keys = [key for key in keys_of(attempt) if key != OF_SERVICE]
    for key in keys:
        if key in nodes:
            nodes[key].advance(attempt.at)
    return weigh_all(attempt, [(depth_of(key), key) for key in keys], nodes)


def facts_of(key: str, evidence: Evidence, *, until: float | None) -> dict[str, Any]:
    """Return a node and its counts as JSON values. `odds` and `bound` are natural logarithms, None if infinite."""
    ends_at = None if until is None else datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds")
    return {
        "key": key,
        "depth": depth_of(key).value,
        "verified": round(evidence.verified, 1),
        "failed": round(evidence.failed, 1),
        "pending": evidence.pending,
        "odds": _finite(evidence.odds),
        "bound": _finite(evidence.bound),
        **({} if ends_at is None else {"endsAt": ends_at}),
    }


def recorded(key: str, evidence: Evidence, *, until: float | None) -> dict[str, Any]:
    """Return the same for the trail and the log, which would mask digits after a plus sign."""
    return {**facts_of(key, evidence, until=until), "key": key.replace(":+", ":")}


def _finite(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None


_NOTHING = Evidence(0.0, 0.0, 0, -math.inf, math.inf, 0.0)
