"""What an operator sees of the guard: the blocks, and why a number is refused or not."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from otp_service.core import clock
from otp_service.core.services import settings
from otp_service.fraud import blocks, history, prefix_rules, records, sends
from otp_service.fraud.attempt import depth_of, keys_of
from otp_service.fraud.evidence import Evidence
from otp_service.fraud.guard import weigh
from otp_service.fraud.looking import CLOCKS_APART, look
from otp_service.fraud.node import Node
from otp_service.fraud.prefix_rules import Rule
from otp_service.fraud.screening import Wanted, findings
from otp_service.fraud.settings import FraudSettings, Mode

_ENFORCES = {
    Mode.OFF: "nothing",
    Mode.SHADOW: "nothing",
    Mode.DESTINATIONS: "destinations",
    Mode.ENFORCE: "everything",
}


@dataclass(frozen=True, slots=True)
class BlockShown:
    """A block with its counts at this moment. `next_probe_at`: the next message that is let through to learn."""

    key: str
    depth: str
    reason: str
    is_enforced: bool
    verified: float
    failed: float
    pending: int
    odds: float | None
    bound: float | None
    refused: int
    money_saved: Decimal
    started_at: datetime
    ends_at: datetime | None
    next_probe_at: datetime | None


@dataclass(frozen=True, slots=True)
class Status:
    """The guard at a glance. `refused` and `money_saved` are those of the last 24 hours.

    `backlog` counts the sends that the nodes have not learned from.
    """

    mode: str
    enforces: str
    blocks: list[BlockShown]
    refused: int
    money_saved: Decimal
    nodes: int
    backlog: int
    rules: int


def status() -> Status:
    """Return the guard at a glance."""
    now, mode = clock.now(), settings().of(FraudSettings).mode
    refused = history.refused_since(now - timedelta(days=1))
    return Status(
        mode=mode_in_words(mode),
        enforces=_ENFORCES[mode],
        blocks=[shown for block in blocks.list_all() if (shown := _shown(block, now)) is not None],
        refused=refused.count,
        money_saved=refused.saved,
        nodes=records.count(),
        backlog=sends.count_due(now + CLOCKS_APART),
        rules=sum(rule.is_in_force(now) for rule in prefix_rules.list_all()),
    )


def mode_in_words(mode: Mode) -> str:
    """Return the value of FRAUD_MODE; the default enforces a part."""
    return Mode.ENFORCE.value if mode is Mode.DESTINATIONS else mode.value


def _shown(block: blocks.Block, now: datetime) -> BlockShown | None:
    attempt = block.attempt(now)
    nodes = look(attempt.number, attempt, now=now).nodes
    evidence = blocks.weighed(attempt, nodes).get(block.key)
    if evidence is None:
        return None
    facts = blocks.facts_of(block.key, evidence, until=None)
    refused = history.refused_by(block.key, since=block.started_at)
    return BlockShown(
        **{name: facts[name] for name in ("key", "depth", "verified", "failed", "pending", "odds", "bound")},
        reason=block.reason,
        is_enforced=block.is_enforced,
        refused=refused.count,
        money_saved=refused.saved,
        started_at=block.started_at,
        ends_at=_moment(evidence.ends_at(attempt.at)),
        next_probe_at=_moment(nodes[block.key].probe_at),
    )


@dataclass(frozen=True, slots=True)
class DepthShown:
    """What one node says about a number. A depth without history has no counts and never refuses."""

    key: str
    depth: str
    verified: float
    failed: float
    pending: int
    odds: float | None
    bound: float | None
    is_refusing: bool
    ends_at: datetime | None
    next_probe_at: datetime | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would become of a message at this moment, and why.

    `decision` is what the counts say, `carried_out` what FRAUD_MODE makes of it. `key` is the node that decides.
    """

    phone_number: str
    ip: str | None
    price: Decimal
    mode: str
    decision: str
    carried_out: str
    reason: str
    key: str | None
    depth: str | None
    verified: float | None
    failed: float | None
    pending: int | None
    odds: float | None
    bound: float | None
    ends_at: datetime | None
    rules: list[Rule]
    depths: list[DepthShown]


def explain(wanted: Wanted) -> Explanation:
    """Explain the decision about a message that would be sent now."""
    now = clock.now()
    attempt = wanted.attempt(now)
    view = look(wanted.number, attempt, now=now)
    _, weighed = weigh(attempt, view.nodes)
    found = findings(wanted, view, at=now)
    decision = found.decision
    counts: dict[str, Any] = dict.fromkeys(("depth", "verified", "failed", "pending", "odds", "bound"))
    if decision.key is not None and decision.evidence is not None:
        facts = blocks.facts_of(decision.key, decision.evidence, until=None)
        counts = {name: facts[name] for name in counts}
    mode = settings().of(FraudSettings).mode
    return Explanation(
        phone_number=wanted.number,
        ip=wanted.ip or None,
        price=wanted.price,
        mode=mode_in_words(mode),
        decision=decision.action.value,
        carried_out="allow" if mode is Mode.OFF else found.acted.action.value,
        reason=found.reason,
        key=decision.key,
        **counts,
        ends_at=_moment(decision.ends_at),
        rules=list(view.rules),
        depths=[_depth(key, weighed.get(key), view.nodes.get(key), attempt.at) for key in keys_of(attempt)],
    )


def _depth(key: str, evidence: Evidence | None, node: Node | None, at: float) -> DepthShown:
    if node is None:
        return DepthShown(key, depth_of(key).value, 0.0, 0.0, 0, None, None, False, None, None)
    if evidence is None:
        verified, failed = round(node.lasting_verified, 1), round(node.lasting_failed, 1)
        pending = node.pending_count
        return DepthShown(key, depth_of(key).value, verified, failed, pending, None, None, False, None, None)
    facts = blocks.facts_of(key, evidence, until=None)
    names = ("key", "depth", "verified", "failed", "pending", "odds", "bound")
    return DepthShown(
        **{name: facts[name] for name in names},
        is_refusing=evidence.is_refusing,
        ends_at=_moment(evidence.ends_at(at)) if evidence.is_refusing else None,
        next_probe_at=_moment(node.probe_at),
    )


def _moment(seconds: float | None) -> datetime | None:
    """Return a time; None for one that was never set."""
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0) if seconds else None
