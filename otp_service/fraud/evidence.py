"""What the counts of a node say: how likely an attack is, and whether refusing saves more than it costs (ADR 46)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from otp_service.fraud.attempt import Attempt, Depth, depth_of
from otp_service.fraud.node import LASTING, RECENT, SLOT, USUAL, Node

PERSON = 1.0
"""What it costs to refuse an honest person, in EUR."""
PRIOR = {
    Depth.THOUSAND: -6.0,
    Depth.TEN_THOUSAND: -6.0,
    Depth.RANGE: -6.0,
    Depth.OPERATOR: -8.0,
    Depth.COUNTRY: -10.0,
    Depth.NEW_IN_COUNTRY: -6.0,
    Depth.NEW: -8.0,
    Depth.WORLD: -math.inf,
    Depth.ADDRESS: -6.0,
    Depth.NETWORK: -9.0,
}
"""The logarithm of the odds of an attack before anything is known. The world as a whole is never refused."""
CREDIT = {
    Depth.THOUSAND: 5,
    Depth.TEN_THOUSAND: 6,
    Depth.RANGE: 8,
    Depth.OPERATOR: 15,
    Depth.COUNTRY: 40,
    Depth.NEW_IN_COUNTRY: 15,
    Depth.NEW: 30,
    Depth.WORLD: 1_000,
    Depth.ADDRESS: 12,
    Depth.NETWORK: 25,
}
"""How many codes may be pending at once in a place without history."""
LEAST = 4
"""Fewer codes than this that are not verified say nothing."""
USUAL_CONVERSION, USUAL_WEIGHT = 0.65, 40.0
LOWEST_HONEST, HIGHEST_HONEST = 0.42, 0.85
NEWCOMER = 2.0
"""A range with fewer verified codes than this (decayed over weeks) is new."""
TYPED_MEDIAN, TYPED_SPREAD = 30.0, 0.7
"""Honest people type half of their codes within the median (seconds); the spread is that of a lognormal."""
_CAP_OF_SURGE = 8.0
_PENDING_WINDOW = 60.0
_SURGE = 20.0


def _typed_by(age: float) -> float:
    return 0.5 + 0.5 * math.erf(math.log(max(age, 0.1) / TYPED_MEDIAN) / (TYPED_SPREAD * math.sqrt(2)))


_TYPED = [_typed_by(SLOT * (slot + 0.3)) for slot in range(20)]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What holds for all nodes of one attempt: its time and price, its country's conversion and surge, its novelty."""

    now: float
    price: float
    conversion: float
    surge: float
    is_new: bool

    @classmethod
    def of(cls, attempt: Attempt, nodes: Mapping[str, Node], keys: tuple[str, ...]) -> "Outlook":
        """Look at the country and the range of an attempt."""
        by_depth = {depth_of(key): nodes.get(key) for key in keys}
        country, place = by_depth[Depth.COUNTRY] or Node(), by_depth[Depth.RANGE] or Node()
        return cls(
            now=attempt.at,
            price=attempt.price,
            conversion=_conversion(country),
            surge=_surge(country, attempt.at),
            is_new=place.usual_verified < NEWCOMER,
        )

    def applies(self, key: str) -> bool:
        """Whether a node has a say: those of new ranges only for new ones."""
        return self.is_new or depth_of(key) not in {Depth.NEW, Depth.NEW_IN_COUNTRY}


def _conversion(country: Node) -> float:
    total = country.usual_verified + country.usual_failed + USUAL_WEIGHT
    learned = (country.usual_verified + USUAL_CONVERSION * USUAL_WEIGHT) / total
    return min(max(0.9 * learned, LOWEST_HONEST), HIGHEST_HONEST)


def _rate(node: Node, now: float) -> float:
    """Return how many codes a second are usually verified."""
    known_for = max(now - node.since, 3_600.0)
    return node.usual_verified * math.log(2) / (USUAL * (1 - math.exp2(-known_for / USUAL)))


def _surge(node: Node, now: float) -> float:
    usual = _rate(node, now) * RECENT / math.log(2)
    return min(max(1.0, (node.recent_verified + 1) / (usual + 1)), _SURGE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The counts of a node within the window that says most, the odds of an attack, and the bound that they meet.

    `odds` and `bound` are natural logarithms. `share` is how much of the traffic is the attack's if there is one.
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
        """Whether an attack is likely enough to explain what fails here."""
        return self.odds > 0

    def ends_at(self, now: float) -> float:
        """Estimate when the evidence has decayed below the bound if nothing more is sent."""
        if not self.is_refusing:
            return now
        return now + self.half_life * math.log2(max(2.0, 1 + self.excess / 4))


def weigh(node: Node, depth: Depth, outlook: Outlook) -> Evidence:
    """Weigh what a node says about an attempt, over the short window and over the long one."""
    return max(
        (
            _weighed(node, node.recent_verified, node.recent_failed, RECENT, depth, outlook),
            _weighed(node, node.lasting_verified, node.lasting_failed, LASTING, depth, outlook),
        ),
        key=lambda evidence: evidence.excess,
    )


def _weighed(node: Node, verified: float, failed: float, half_life: float, depth: Depth, outlook: Outlook) -> Evidence:
    pending = sum(node.pending.values())
    if failed + pending < LEAST:
        return Evidence(verified, failed, pending, -math.inf, math.inf, 0.0, half_life)
    honest = outlook.conversion
    guess = (verified + 0.5) / (verified + failed + pending + 1)
    attack = min(max(guess, 0.03), 0.6 * honest)
    odds = PRIOR[depth] + verified * math.log(attack / honest) + failed * math.log((1 - attack) / (1 - honest))
    for slot, count in node.pending.items():
        typed = _TYPED[min(int(outlook.now / SLOT - slot), 19)]
        odds += count * math.log((1 - attack * typed) / (1 - honest * typed))
    usual = _rate(node, outlook.now)
    odds += _surprise(pending, usual, verified, depth)
    share = _share(verified, failed, pending, usual * half_life / math.log(2), outlook)
    gain = share * outlook.price - (1 - share) * PERSON
    return Evidence(verified, failed, pending, odds, -math.log(gain) if gain > 0 else math.inf, share, half_life)


def _surprise(pending: int, usual: float, verified: float, depth: Depth) -> float:
    """Return how surprising it is that so many codes are pending at once, by a Poisson ratio with a cap."""
    expected = CREDIT[depth] + _SURGE * usual * _PENDING_WINDOW + 2 * verified
    if pending <= expected:
        return 0.0
    return min(pending * math.log(pending / expected) - (pending - expected), _CAP_OF_SURGE)


def _share(verified: float, failed: float, pending: int, usual: float, outlook: Outlook) -> float:
    total = verified + failed + pending
    honest = min((verified + 0.5) / outlook.conversion, 3 * usual * outlook.surge / outlook.conversion + 1)
    return max(0.0, 1 - honest / total)
