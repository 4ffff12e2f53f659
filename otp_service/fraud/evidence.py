"""What the counts of a node say: how likely an attack is, and whether refusing saves more than it costs (ADR 46).

Odds and bounds are natural logarithms.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otp_service.fraud.attempt import CLIENT_DEPTHS, NEW_DEPTHS, Attempt, Depth
from otp_service.fraud.node import HOUR, JUDGED_AFTER, LASTING, MINUTE, QUIET, RECENT, SLOT, USUAL, Node

PERSON = 1.0
"""What it costs to refuse an honest person, in EUR."""
PRIOR = {
    Depth.THOUSAND: -7.0,
    Depth.TEN_THOUSAND: -6.0,
    Depth.RANGE: -6.0,
    Depth.OPERATOR: -8.0,
    Depth.COUNTRY: -12.0,
    Depth.NEW_IN_COUNTRY: -10.0,
    Depth.NEW: -11.0,
    Depth.ADDRESS: -5.0,
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
    Depth.THOUSAND: 0.005,
    Depth.TEN_THOUSAND: 0.005,
    Depth.RANGE: 0.01,
    Depth.OPERATOR: 0.02,
    Depth.COUNTRY: 0.05,
    Depth.NEW_IN_COUNTRY: 0.1,
    Depth.NEW: 0.1,
    Depth.ADDRESS: 0.02,
    Depth.NETWORK: 0.05,
}
"""How many honest people to expect within the short window in a place without history."""
EXPLAINING = -2.0
"""From these odds on, a prefix explains what fails in it, and wider ones leave its sends out."""
LEAST = 4
"""Fewer codes than this that are not verified say too little."""
LEAST_OF_WIDER = 3
"""A wider prefix with fewer codes in the short window says too little about the narrower ones."""
USUAL_CONVERSION, USUAL_WEIGHT = 0.75, 30.0
MARGIN = 0.9
LOW_CONVERSION, DOUBT = 0.45, 5.0
"""Honest people of some countries verify as little as this; that this is one of them has odds of e to the -DOUBT."""
HIGHEST_ATTACK, LOWEST_ATTACK = 0.33, 0.03
"""How many of his codes an attacker verifies himself."""
KNOWN_OPERATOR, KNOWN_COUNTRY = 2.0, 2.0
"""Verified codes (decayed over weeks) that make an operator or a country a known one."""
KNOWN_AFTER = 6 * HOUR
"""A place is without history until then: what came at once is not usual."""
PEAK = 1.1
"""How far an ordinary hour may exceed the mean of the week."""
HIGHEST_SURGE = 30.0
TYPED_MEDIAN, TYPED_SPREAD = 26.0, 0.7
"""Honest people type half of their codes within the median (seconds); the spread is that of a lognormal."""
MOST_SURPRISE = 8.0
BUSY = 4
"""How often its credit a prefix without history may be asked for within the short window before that is a surprise."""
NARROW_DEPTHS = frozenset({Depth.THOUSAND, Depth.TEN_THOUSAND, Depth.RANGE, Depth.OPERATOR})
_LIFE_RECENT, _LIFE_LASTING, _LIFE_USUAL = (half_life / math.log(2) for half_life in (RECENT, LASTING, USUAL))


def _typed_by(age: float) -> float:
    return 0.5 + 0.5 * math.erf(math.log(max(age, 0.1) / TYPED_MEDIAN) / (TYPED_SPREAD * math.sqrt(2)))


_TYPED = [_typed_by(SLOT * (slot + 0.3)) for slot in range(16)]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The counts of a node within the window that says most, the odds of an attack, and the bound that they meet.

    `asked` are the attempts of the short window, those that were refused included.
    """

    verified: float
    failed: float
    pending: int
    odds: float
    bound: float
    asked: float

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
        return self.odds > EXPLAINING and self.bound < math.inf

    def ends_at(self, now: float) -> float:
        """Return when refusing ends at the latest if nobody asks any more: the place is quiet then."""
        return now + JUDGED_AFTER + SLOT + RECENT * math.log2(self.asked / QUIET) if self.is_refusing else now


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
        total = node.recent_asked
        if LEAST_OF_WIDER <= total < 2 * self._expected(node, depth):
            now = (node.recent_verified + 4 * self.usually) / (total + 4)
            self.conversion = min(self.usually, max(0.15, now))

    def weigh(self, node: Node, depth: Depth) -> Evidence | None:
        """Weigh a node; None if it has next to no failures.

        The odds are those of the window that says more, the short one or the long one. What refusing would save and
        cost now is a matter of the short one alone, which counts those who were refused as well.
        """
        pending = node.pending_count
        if node.lasting_failed + pending < LEAST:
            return None
        asked = node.recent_asked + pending + 1
        expected = self._expected(node, depth)
        if depth in NEW_DEPTHS:
            expected = max(expected, node.recent_verified / self.usually)
        share = max(0.0, 1 - expected / asked)
        gain = share * self.price - (1 - share) * PERSON
        if gain <= 0:
            return None
        bound = -math.log(gain)
        recent = self._ratio(node, node.recent_verified, node.recent_failed, pending)
        lasting = self._ratio(node, node.lasting_verified, node.lasting_failed, pending)
        odds = PRIOR[depth] + max(recent, lasting) + self._surprise(node, depth, pending, asked)
        if recent >= lasting:
            return Evidence(node.recent_verified, node.recent_failed, pending, odds, bound, asked)
        return Evidence(node.lasting_verified, node.lasting_failed, pending, odds, bound, asked)

    def _expected(self, node: Node, depth: Depth) -> float:
        """Return how many honest sends to expect within the short window.

        A surge of the country counts here as far as codes are verified here: an attack during a sale gets no cover.
        """
        rate = node.lasting_verified / _LIFE_LASTING if depth in NEW_DEPTHS else _rate(node, self.now)
        usual = PEAK * rate * _LIFE_RECENT
        surging = min(usual * self.surge, node.recent_verified + 1)
        return max(usual, surging) / self.usually + FLOOR[depth]

    def _ratio(self, node: Node, verified: float, failed: float, pending: int) -> float:
        """Return the likelihood ratio of the counts: an attack against honest people, who may be of a weak country."""
        honest = self.conversion
        attack = (verified + 0.5) / (verified + failed + pending + 1)
        attack = min(max(attack, LOWEST_ATTACK), HIGHEST_ATTACK, 0.7 * honest)
        likelihood = self._likelihood(node, verified, failed, attack)
        usual = self._likelihood(node, verified, failed, honest)
        low = self._likelihood(node, verified, failed, min(honest, LOW_CONVERSION))
        return likelihood - max(usual, low - DOUBT)

    def _likelihood(self, node: Node, verified: float, failed: float, conversion: float) -> float:
        """Return the logarithm of the likelihood of the counts. A pending code says the more the older it is."""
        total = verified * math.log(conversion) + failed * math.log(1 - conversion)
        for slot, count in node.pending.items():
            typed = _TYPED[min(int(self.now / SLOT - slot), 15)]
            total += count * math.log(1 - conversion * typed)
        return total

    def _surprise(self, node: Node, depth: Depth, pending: int, asked: float) -> float:
        """Return how surprising it is that so many codes are pending, and that a prefix is so busy all at once."""
        surging = HIGHEST_SURGE * _rate(node, self.now)
        at_once = _poisson(pending, CREDIT[depth] + surging * MINUTE + 2 * node.recent_verified)
        if depth not in NARROW_DEPTHS:
            return min(at_once, MOST_SURPRISE)
        crowd = _poisson(asked, BUSY * CREDIT[depth] + surging * _LIFE_RECENT)
        return min(at_once, MOST_SURPRISE) + min(crowd, DOUBT)


def _poisson(count: float, expected: float) -> float:
    """Return the log-likelihood ratio of a count against its expectation; 0 if it is not above that."""
    return count * math.log(count / expected) - (count - expected) if count > expected else 0.0


def is_known(places: Sequence[tuple[Depth, str]], nodes: Mapping[str, Node]) -> tuple[bool, bool]:
    """Return whether the country, and the operator, of a number have verified codes before."""
    found = {depth: node for depth, key in places if (node := nodes.get(key)) is not None}
    country, operator = found.get(Depth.COUNTRY), found.get(Depth.OPERATOR)
    return (
        country is not None and country.usual_verified >= KNOWN_COUNTRY,
        operator is not None and operator.usual_verified >= KNOWN_OPERATOR,
    )


def _conversion(country: Node) -> float:
    """Return what the country's honest people convert at least, from before the long window: no attack teaches it."""
    verified = max(0.0, country.usual_verified - country.lasting_verified)
    failed = max(0.0, country.usual_failed - country.lasting_failed)
    learned = (verified + USUAL_CONVERSION * USUAL_WEIGHT) / (verified + failed + USUAL_WEIGHT)
    return max(MARGIN * learned, 0.4)


def _rate(node: Node, now: float) -> float:
    """Return how many codes a second were usually verified, before the long window: an attack's own do not count."""
    known_for = now - node.since
    if known_for < KNOWN_AFTER:
        return 0.0
    weight = _LIFE_USUAL * -math.expm1(-known_for / _LIFE_USUAL) - _LIFE_LASTING * -math.expm1(
        -known_for / _LIFE_LASTING
    )
    return max(0.0, node.usual_verified - node.lasting_verified) / weight


def _surge(node: Node, now: float) -> float:
    usual = _rate(node, now) * _LIFE_RECENT
    return min(max(1.0, (node.recent_verified + 1) / (PEAK * usual + 1)), HIGHEST_SURGE)
