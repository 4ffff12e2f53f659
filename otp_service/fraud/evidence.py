"""What the counts of a node say: how likely an attack is, and whether refusing saves more than it costs (ADR 46).

Odds and bounds are natural logarithms.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otp_service.fraud.attempt import CLIENT_DEPTHS, NEW_DEPTHS, Attempt, Depth
from otp_service.fraud.node import HOUR, LASTING, RECENT, SLOT, USUAL, Node

PERSON = 1.0
"""What it costs to refuse an honest person, in EUR."""
PRIOR = {
    Depth.THOUSAND: -7.0,
    Depth.TEN_THOUSAND: -6.0,
    Depth.RANGE: -6.0,
    Depth.OPERATOR: -7.0,
    Depth.COUNTRY: -9.0,
    Depth.NEW_IN_COUNTRY: -6.0,
    Depth.NEW: -6.0,
    Depth.ADDRESS: -6.0,
    Depth.NETWORK: -8.0,
}
"""The odds of an attack before anything is known. The wider a node is, the more it takes to refuse all of it."""
CREDIT = {
    Depth.THOUSAND: 4,
    Depth.TEN_THOUSAND: 5,
    Depth.RANGE: 6,
    Depth.OPERATOR: 12,
    Depth.COUNTRY: 40,
    Depth.NEW_IN_COUNTRY: 12,
    Depth.NEW: 25,
    Depth.ADDRESS: 10,
    Depth.NETWORK: 20,
}
"""How many codes may be pending at once in a place without history before that is a surprise."""
FLOOR = {
    Depth.THOUSAND: 0.02,
    Depth.TEN_THOUSAND: 0.02,
    Depth.RANGE: 0.05,
    Depth.OPERATOR: 0.2,
    Depth.COUNTRY: 0.5,
    Depth.NEW_IN_COUNTRY: 0.5,
    Depth.NEW: 0.5,
    Depth.ADDRESS: 0.05,
    Depth.NETWORK: 0.1,
}
"""How many honest people may come unexpectedly, within a window, to a place without history."""
LEAST = 4
"""Fewer codes than this that are not verified say too little."""
LEAST_OF_WIDER = 3
"""A wider prefix with fewer codes in the short window says too little about the narrower ones."""
USUAL_CONVERSION, USUAL_WEIGHT = 0.70, 30.0
LOWEST_HONEST, HIGHEST_HONEST = 0.42, 0.85
KNOWN_OPERATOR, KNOWN_COUNTRY = 2.0, 6.0
"""Verified codes (decayed over weeks) that make an operator or a country a known one."""
PEAK = 1.5
"""How far an ordinary hour may exceed the mean of the week."""
HIGHEST_SURGE = 30.0
TYPED_MEDIAN, TYPED_SPREAD = 26.0, 0.7
"""Honest people type half of their codes within the median (seconds); the spread is that of a lognormal."""
MOST_SURPRISE = 8.0
_LIFE_RECENT, _LIFE_LASTING, _LIFE_USUAL = (half_life / math.log(2) for half_life in (RECENT, LASTING, USUAL))
_LEAST_KNOWN = 2 * HOUR


def _typed_by(age: float) -> float:
    return 0.5 + 0.5 * math.erf(math.log(max(age, 0.1) / TYPED_MEDIAN) / (TYPED_SPREAD * math.sqrt(2)))


_TYPED = [_typed_by(SLOT * (slot + 0.3)) for slot in range(16)]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The counts of a node within the window that says most, the odds of an attack, and the bound that they meet.

    `share` is how much of the traffic is the attack's if there is one. `half_life` (seconds) is that of the window.
    """

    verified: float
    failed: float
    pending: int
    odds: float
    bound: float
    share: float
    half_life: float

    @property
    def excess(self) -> float:
        """How far the odds are above the bound."""
        return self.odds - self.bound

    @property
    def is_refusing(self) -> bool:
        """Whether refusing saves more than it costs."""
        return self.odds > self.bound

    @property
    def is_suspicious(self) -> bool:
        """Whether an attack is likely enough, and refusing cheap enough, for this node to explain what fails in it."""
        return self.odds > 0 and self.bound < math.inf

    def ends_at(self, now: float) -> float:
        """Estimate when the evidence has decayed below the bound if nothing more is sent."""
        if not self.is_refusing:
            return now
        return now + self.half_life * math.log2(max(1.1, 1 + self.excess / 4))


def weigh_all(attempt: Attempt, places: Sequence[tuple[Depth, str]], nodes: Mapping[str, Node]) -> dict[str, Evidence]:
    """Weigh what each node says that has a say in an attempt. `places` begin with the narrowest prefix."""
    found = {depth: node for depth, key in places if (node := nodes.get(key)) is not None}
    country = found.get(Depth.COUNTRY) or Node()
    scale = _Scale(attempt.at, attempt.price, _conversion(country), _surge(country, attempt.at))
    weighed: dict[str, Evidence] = {}
    for depth, key in reversed(places):
        node = found.get(depth)
        if node is None or depth in CLIENT_DEPTHS:
            continue
        if evidence := scale.weigh(node, depth):
            weighed[key] = evidence
        scale.narrow(node, depth)
    for depth, key in places:
        if depth in CLIENT_DEPTHS and depth in found and (evidence := scale.weigh(found[depth], depth)):
            weighed[key] = evidence
    return weighed


class _Scale:
    """What one attempt is measured against."""

    def __init__(self, now: float, price: float, conversion: float, surge: float) -> None:
        self.now, self.price, self.surge = now, price, surge
        self.usually = self.conversion = conversion

    def narrow(self, node: Node, depth: Depth) -> None:
        """Expect of narrower nodes what this one converts at present, if no more is sent here than usual.

        This is an outage: codes fail, but no more people ask for them than always.
        """
        if depth in NEW_DEPTHS:
            return
        self.conversion = self.usually
        total = node.recent_verified + node.recent_failed
        if LEAST_OF_WIDER <= total < 2 * self._expected(node, depth, _LIFE_RECENT):
            now = (node.recent_verified + 4 * self.usually) / (total + 4)
            self.conversion = min(self.usually, max(0.15, now))

    def weigh(self, node: Node, depth: Depth) -> Evidence | None:
        """Weigh a node over the short window and over the long one; None if it has next to no failures."""
        pending = sum(node.pending.values())
        if node.lasting_failed + pending < LEAST:
            return None
        recent = self._weigh(node, depth, pending, (node.recent_verified, node.recent_failed, RECENT))
        lasting = self._weigh(node, depth, pending, (node.lasting_verified, node.lasting_failed, LASTING))
        return max(recent, lasting, key=lambda evidence: evidence.excess)

    def _weigh(self, node: Node, depth: Depth, pending: int, window: tuple[float, float, float]) -> Evidence:
        verified, failed, half_life = window
        total = verified + failed + pending
        share = max(0.0, 1 - self._expected(node, depth, half_life / math.log(2)) / total) if total >= LEAST else 0.0
        gain = share * self.price - (1 - share) * PERSON
        if gain <= 0:
            return Evidence(verified, failed, pending, -math.inf, math.inf, share, half_life)
        odds = PRIOR[depth] + self._ratio(node, verified, failed, pending)
        odds += self._surprise(node, depth, pending)
        return Evidence(verified, failed, pending, odds, -math.log(gain), share, half_life)

    def _expected(self, node: Node, depth: Depth, seconds: float) -> float:
        """Return how many honest sends to expect in so many seconds."""
        return PEAK * self.surge * _rate(node, self.now) * seconds / self.usually + FLOOR[depth]

    def _ratio(self, node: Node, verified: float, failed: float, pending: int) -> float:
        """Return the likelihood ratio of the counts. A pending code says the more the older it is."""
        honest = self.conversion
        attack = min(max((verified + 0.5) / (verified + failed + pending + 1), 0.03), 0.6 * honest)
        ratio = verified * math.log(attack / honest) + failed * math.log((1 - attack) / (1 - honest))
        for slot, count in node.pending.items():
            typed = _TYPED[min(int(self.now / SLOT - slot), 15)]
            ratio += count * math.log((1 - attack * typed) / (1 - honest * typed))
        return ratio

    def _surprise(self, node: Node, depth: Depth, pending: int) -> float:
        """Return how surprising it is that so many codes are pending at once, by a Poisson ratio with a cap."""
        expected = CREDIT[depth] + 30 * _rate(node, self.now) * 60 + 2 * node.recent_verified
        if pending <= expected:
            return 0.0
        return min(pending * math.log(pending / expected) - (pending - expected), MOST_SURPRISE)


def is_known(places: Sequence[tuple[Depth, str]], nodes: Mapping[str, Node]) -> tuple[bool, bool]:
    """Return whether the country, and the operator, of a number have verified codes before."""
    found = {depth: node for depth, key in places if (node := nodes.get(key)) is not None}
    country, operator = found.get(Depth.COUNTRY), found.get(Depth.OPERATOR)
    return (
        country is not None and country.usual_verified >= KNOWN_COUNTRY,
        operator is not None and operator.usual_verified >= KNOWN_OPERATOR,
    )


def _conversion(country: Node) -> float:
    total = country.usual_verified + country.usual_failed + USUAL_WEIGHT
    learned = (country.usual_verified + USUAL_CONVERSION * USUAL_WEIGHT) / total
    return min(max(0.9 * learned, LOWEST_HONEST), HIGHEST_HONEST)


def _rate(node: Node, now: float) -> float:
    """Return how many codes a second were usually verified, before the long window: an attack's own do not count."""
    known_for = now - node.since
    weight = _LIFE_USUAL * -math.expm1(-known_for / _LIFE_USUAL) - _LIFE_LASTING * -math.expm1(
        -known_for / _LIFE_LASTING
    )
    return max(0.0, node.usual_verified - node.lasting_verified) / max(weight, _LEAST_KNOWN)


def _surge(node: Node, now: float) -> float:
    usual = _rate(node, now) * _LIFE_RECENT
    return min(max(1.0, (node.recent_verified + 1) / (PEAK * usual + 1)), HIGHEST_SURGE)
