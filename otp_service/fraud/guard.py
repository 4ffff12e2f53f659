"""The fraud guard: decides about a send from the nodes of its keys, and folds sends and their ends into them (ADR 46).

These are pure functions: times come in, and the same events give the same decisions, in the service and in a replay.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from enum import StrEnum

from otp_service.fraud.attempt import Attempt, Depth, depth_of, keys_of
from otp_service.fraud.evidence import Evidence, Outlook, weigh
from otp_service.fraud.node import LONGEST_PROBE, Node

EXPIRES_AFTER = 300.0
"""Seconds after which a code that was not verified counts as expired."""
CHALLENGED = 3.0
"""Up to this far above its bound, evidence asks for another proof; beyond, the send is denied."""


class Action(StrEnum):
    """What becomes of a send."""

    ALLOW = "allow"
    CHALLENGE = "challenge"
    DENY = "deny"


class Reason(StrEnum):
    """Why, for programs."""

    UNREMARKABLE = "unremarkable"
    PROBE = "probe"
    PREFIX_NOT_VERIFYING = "prefix_not_verifying"
    NEW_PREFIXES_NOT_VERIFYING = "new_prefixes_not_verifying"
    CLIENT_NOT_VERIFYING = "client_not_verifying"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a send, and why.

    `key` is the narrowest node that refuses or is probed. `evidence` has its counts and its bound, and `ends_at`
    (seconds since 1970) is when the block ends if nothing more is sent there. `counted_at` are the keys at which the
    send is to be folded: a prefix that is suspicious itself explains its failures, so wider ones leave them out.
    """

    action: Action
    reason: Reason
    counted_at: tuple[str, ...]
    key: str | None = None
    evidence: Evidence | None = None
    ends_at: float | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether the message is sent without another proof."""
        return self.action is Action.ALLOW


@dataclass(frozen=True, slots=True)
class Send:
    """What a store keeps of an allowed attempt, to fold it and its end: never the number."""

    at: float
    counted_at: tuple[str, ...]
    probed_key: str | None = None


def send_of(attempt: Attempt, decision: Decision) -> Send:
    """Return what is folded for an attempt that was let through."""
    return Send(attempt.at, decision.counted_at, decision.key if decision.reason is Reason.PROBE else None)


def decide(attempt: Attempt, nodes: Mapping[str, Node]) -> Decision:
    """Decide about one send. Nodes that are missing have no history; the given ones are advanced to its time."""
    keys = keys_of(attempt)
    for key in keys:
        if key in nodes:
            nodes[key].advance(attempt.at)
    outlook = Outlook.of(attempt, nodes, keys)
    weighed = {key: weigh(nodes[key], depth_of(key), outlook) for key in keys if key in nodes}
    refusing = [key for key in keys if key in weighed and weighed[key].is_refusing and outlook.applies(key)]
    counted = _counted(keys, weighed, outlook)
    if not refusing:
        return Decision(Action.ALLOW, Reason.UNREMARKABLE, counted)
    return _about(refusing, attempt, nodes, weighed, counted)


def _about(
    refusing: list[str],
    attempt: Attempt,
    nodes: Mapping[str, Node],
    weighed: Mapping[str, Evidence],
    counted: tuple[str, ...],
) -> Decision:
    waiting = [key for key in refusing if nodes[key].probe_at > attempt.at]
    key = (waiting or refusing)[0]
    evidence = weighed[key]
    ends_at = evidence.ends_at(attempt.at)
    if not waiting:
        return Decision(Action.ALLOW, Reason.PROBE, counted, key, evidence, ends_at)
    is_moderate = all(weighed[key].excess <= CHALLENGED for key in waiting)
    action = Action.CHALLENGE if is_moderate else Action.DENY
    return Decision(action, _reason(depth_of(key)), counted, key, evidence, ends_at)


def _counted(keys: tuple[str, ...], weighed: Mapping[str, Evidence], outlook: Outlook) -> tuple[str, ...]:
    """Return the keys at which a send counts: all of the client, and prefixes up to the first suspicious one."""
    counted, is_explained = [], False
    for key in keys:
        depth = depth_of(key)
        if depth in {Depth.ADDRESS, Depth.NETWORK}:
            counted.append(key)
        elif not is_explained and outlook.applies(key):
            counted.append(key)
            is_explained = key in weighed and weighed[key].is_suspicious
    return tuple(counted)


def _reason(depth: Depth) -> Reason:
    if depth in {Depth.ADDRESS, Depth.NETWORK}:
        return Reason.CLIENT_NOT_VERIFYING
    return (
        Reason.NEW_PREFIXES_NOT_VERIFYING if depth in {Depth.NEW, Depth.NEW_IN_COUNTRY} else Reason.PREFIX_NOT_VERIFYING
    )


def fold_sent(send: Send, nodes: MutableMapping[str, Node]) -> None:
    """Count a send that was let through as pending; missing nodes are made."""
    for node in _advanced(send, send.at, nodes):
        node.add_sent(send.at)
    if send.probed_key is not None:
        node = nodes.setdefault(send.probed_key, Node())
        node.probe_at = send.at + node.probe_wait
        node.probe_wait = min(2 * node.probe_wait, LONGEST_PROBE)


def fold_verified(send: Send, at: float, nodes: MutableMapping[str, Node]) -> None:
    """Count a send's code as verified at a time."""
    for node in _advanced(send, at, nodes):
        node.add_verified(send.at)


def fold_expired(send: Send, at: float, nodes: MutableMapping[str, Node]) -> None:
    """Count a send's code as expired: its nodes do so by themselves, earlier. This brings them up to date."""
    _advanced(send, at, nodes)


def fold_withdrawn(send: Send, at: float, nodes: MutableMapping[str, Node]) -> None:
    """Forget a send whose message never left."""
    for node in _advanced(send, at, nodes):
        node.remove(send.at)


def _advanced(send: Send, at: float, nodes: MutableMapping[str, Node]) -> list[Node]:
    found = [nodes.setdefault(key, Node()) for key in send.counted_at]
    for node in found:
        node.advance(at)
    return found
