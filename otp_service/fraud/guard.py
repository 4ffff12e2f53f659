"""The fraud guard: decides about a send from the nodes of its keys, and folds sends and their ends into them (ADR 46).

These are pure functions: times come in, and the same events give the same decisions, in the service and in a replay.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from otp_service.fraud.attempt import CLIENT_DEPTHS, NEW_DEPTHS, OF_SERVICE, Attempt, Depth, depth_of, keys_of
from otp_service.fraud.evidence import Evidence, is_known, weigh_all
from otp_service.fraud.node import HOUR, Node

EXPIRES_AFTER = 300.0
"""Seconds after which a code that was not verified counts as expired."""
LONGEST_PROBE, LONGEST_PROBE_OF_NEW = 6 * HOUR, HOUR
"""The longest wait between two probes of a block in seconds; shorter where a block stops everyone who is new."""
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

    `refusing` are the nodes that refuse, the narrowest first, and `key` is the one of them that decided. `evidence` has
    its counts and its bound, and `ends_at` (seconds since 1970) is when the last of their blocks ends if no more
    attempts come. `counted_at` are the keys at which the send is to be folded: a prefix that is suspicious itself
    explains its failures, so wider ones leave them out.
    """

    action: Action
    reason: Reason
    counted_at: tuple[str, ...]
    refusing: tuple[str, ...] = ()
    evidence: Evidence | None = None
    ends_at: float | None = None
    key: str | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether the message is sent without another proof."""
        return self.action is Action.ALLOW


@dataclass(frozen=True, slots=True)
class Send:
    """What a store keeps of an allowed attempt, to fold it and its end: never the number."""

    at: float
    counted_at: tuple[str, ...]
    probed: tuple[str, ...] = ()


def send_of(attempt: Attempt, decision: Decision) -> Send:
    """Return what is folded for an attempt: with `fold_sent` if its message is sent, with `fold_refused` if not."""
    if not decision.is_allowed:
        return Send(attempt.at, decision.refusing)
    return Send(attempt.at, decision.counted_at, decision.refusing if decision.reason is Reason.PROBE else ())


def decide(attempt: Attempt, nodes: Mapping[str, Node]) -> Decision:
    """Decide about one send. Nodes that are missing have no history; the given ones are advanced to its time."""
    places, weighed = weigh(attempt, nodes)
    counted = (*_counted(places, weighed), OF_SERVICE)
    refusing = tuple(key for _, key in places if key in weighed and weighed[key].is_refusing)
    if not refusing:
        return Decision(Action.ALLOW, Reason.UNREMARKABLE, counted)
    waiting = [key for key in refusing if nodes[key].probe_at > attempt.at]
    key = (waiting or refusing)[0]
    evidence = weighed[key]
    ends_at = max(weighed[place].ends_at(attempt.at) for place in refusing)
    if not waiting:
        return Decision(Action.ALLOW, Reason.PROBE, counted, refusing, evidence, ends_at, key)
    is_moderate = all(weighed[key].excess <= CHALLENGED for key in waiting)
    action = Action.CHALLENGE if is_moderate else Action.DENY
    return Decision(action, _reason(depth_of(key)), counted, refusing, evidence, ends_at, key)


def weigh(attempt: Attempt, nodes: Mapping[str, Node]) -> tuple[Sequence[tuple[Depth, str]], Mapping[str, Evidence]]:
    """Return the depths and keys that have a say in an attempt, and what those with failures say about it.

    The nodes are advanced to the time of the attempt.
    """
    places = [(depth_of(key), key) for key in keys_of(attempt)]
    for _, key in places:
        if key in nodes:
            nodes[key].advance(attempt.at)
    places = _that_have_a_say(places, nodes)
    return places, weigh_all(attempt, places, nodes)


def _that_have_a_say(places: list[tuple[Depth, str]], nodes: Mapping[str, Node]) -> list[tuple[Depth, str]]:
    """Leave out the whole service, and the pools of new prefixes that the number does not belong to."""
    is_known_country, is_known_operator = is_known(places, nodes)
    pool = Depth.NEW if not is_known_country else None if is_known_operator else Depth.NEW_IN_COUNTRY
    silent = {Depth.SERVICE, *NEW_DEPTHS} - {pool}
    return [(depth, key) for depth, key in places if depth not in silent]


def _counted(places: Sequence[tuple[Depth, str]], weighed: Mapping[str, Evidence]) -> tuple[str, ...]:
    """Return the keys at which a send counts: all of the client, and prefixes up to the first suspicious one."""
    counted, is_explained = [], False
    for depth, key in places:
        if depth in CLIENT_DEPTHS:
            counted.append(key)
        elif not is_explained:
            counted.append(key)
            is_explained = key in weighed and weighed[key].is_suspicious
    return tuple(counted)


def _reason(depth: Depth) -> Reason:
    if depth in CLIENT_DEPTHS:
        return Reason.CLIENT_NOT_VERIFYING
    return Reason.NEW_PREFIXES_NOT_VERIFYING if depth in NEW_DEPTHS else Reason.PREFIX_NOT_VERIFYING


def fold_sent(send: Send, nodes: MutableMapping[str, Node]) -> None:
    """Count a send that was let through as pending; missing nodes are made."""
    for node in _advanced(send, send.at, nodes):
        node.add_sent(send.at)
    for key in send.probed:
        longest = LONGEST_PROBE_OF_NEW if depth_of(key) in NEW_DEPTHS else LONGEST_PROBE
        nodes.setdefault(key, Node()).await_probe(send.at, longest)


def fold_refused(send: Send, nodes: MutableMapping[str, Node]) -> None:
    """Count an attempt that was refused, at the nodes that refused it: they see whether an attack goes on."""
    for node in _advanced(send, send.at, nodes):
        node.add_refused()


def fold_verified(send: Send, at: float, nodes: MutableMapping[str, Node]) -> None:
    """Count a send's code as verified at a time."""
    for node in _advanced(send, at, nodes):
        node.add_verified(send.at)
    for key in send.probed:
        nodes.setdefault(key, Node()).add_probe(is_verified=True)


def fold_expired(send: Send, at: float, nodes: MutableMapping[str, Node]) -> None:
    """Count a send's code as expired. Nodes count an old pending code as failed by themselves; a probe says more."""
    _advanced(send, at, nodes)
    for key in send.probed:
        nodes.setdefault(key, Node()).add_probe(is_verified=False)


def fold_withdrawn(send: Send, at: float, nodes: MutableMapping[str, Node]) -> None:
    """Forget a send whose message never left."""
    for node in _advanced(send, at, nodes):
        node.remove(send.at)


def _advanced(send: Send, at: float, nodes: MutableMapping[str, Node]) -> list[Node]:
    found = [nodes.setdefault(key, Node()) for key in send.counted_at]
    for node in found:
        node.advance(at)
    return found
