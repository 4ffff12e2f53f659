"""The guard to beat: a sequential test of conversion at seven depths of the number and the address.

Each send that verified lowers, each that did not within 100 s raises, the log-likelihood ratio of "attack" (10 %
convert) against "honest" (50 %), and a slower one (28 % against 45 %). A node above its bound refuses, but for a probe.
"""

import heapq
import itertools
import math
from collections import defaultdict

from benchmarks.fraud.unverified_budget import country_code
from benchmarks.fraud.verdict import verdict
from otp_service.fraud.attempt import Attempt
from otp_service.fraud.guard import Decision
from otp_service.fraud.policies import End, Outcome

_DAY, _FAILED_AFTER, _FIRST_PROBE = 86400.0, 100.0, 600.0
_BOUND = {"country": 40, "area": 20, "operator": 8, "range": 4, "10,000": 4, "1,000": 3, "address": 6}
_CREDIT = {"country": 400, "area": 150, "operator": 30, "range": 6, "10,000": 3, "1,000": 2, "address": 30}
_SLOW_DEPTHS = {"country", "area", "operator"}
_FAST = {True: math.log(0.1 / 0.5), False: math.log(0.9 / 0.5)}
_SLOW = {True: math.log(0.28 / 0.45), False: math.log(0.72 / 0.55)}

Key = tuple[str, str]


class Ratio:
    """The two log-likelihood ratios of one node."""

    def __init__(self) -> None:
        self.fast = self.slow = self.verified = self.at = self.next_probe = 0.0
        self.probe_wait = _FIRST_PROBE

    def decay(self, now: float) -> None:
        """Forget suspicion within days, trust within weeks."""
        passed, self.at = max(0.0, now - self.at), max(now, self.at)
        self.fast *= 0.5 ** (passed / (_DAY / 2 if self.fast > 0 else 7 * _DAY))
        self.slow *= 0.5 ** (passed / (_DAY if self.slow > 0 else 7 * _DAY))
        self.verified *= 0.5 ** (passed / (7 * _DAY))

    def learn(self, depth: str, *, fast: float, slow: float, verified: bool) -> None:
        """Add to both ratios; the floor lies deeper the more was verified here."""
        floor = -min(_CREDIT[depth], 0.5 * self.verified)
        self.fast, self.slow = max(floor, self.fast + fast), max(floor, self.slow + slow)
        self.verified += verified

    def is_above(self, depth: str, price: float) -> bool:
        """Whether the node refuses a message at `price`."""
        bound = _BOUND[depth] * (1.0 if price > 0.08 else 1.3 if price > 0.03 else 1.6)
        return self.fast > bound or (depth in _SLOW_DEPTHS and self.slow > max(6, bound / 2))


class SequentialTest:
    """Refuse at the first depth whose ratio is above its bound."""

    def __init__(self) -> None:
        self._ratios: defaultdict[Key, Ratio] = defaultdict(Ratio)
        self._waiting: list[tuple[float, int, Attempt]] = []
        self._in_time: set[Attempt] = set()
        self._serial = itertools.count()

    def decide(self, attempt: Attempt) -> Decision:
        """Decide, and wait for the code if the send is allowed."""
        self._fail_until(attempt.at)
        probed = None
        for key in _keys(attempt):
            ratio = self._ratios[key]
            ratio.decay(attempt.at)
            if ratio.is_above(key[0], attempt.price):
                if attempt.at < ratio.next_probe:
                    return verdict(is_allowed=False)
                probed = ratio
        if probed:
            probed.next_probe, probed.probe_wait = attempt.at + probed.probe_wait, min(2 * probed.probe_wait, _DAY / 4)
        heapq.heappush(self._waiting, (attempt.at + _FAILED_AFTER, next(self._serial), attempt))
        return verdict(is_allowed=True)

    def learn(self, outcome: Outcome) -> None:
        """Count a verified code, and take back the failure that was counted when it came late."""
        self._fail_until(outcome.at)
        if outcome.end is not End.VERIFIED:
            return
        is_late = outcome.at - outcome.attempt.at > _FAILED_AFTER
        if not is_late:
            self._in_time.add(outcome.attempt)
        undo_fast, undo_slow = (_FAST[False], _SLOW[False]) if is_late else (0.0, 0.0)
        self._learn(outcome.attempt, outcome.at, _FAST[True] - undo_fast, _SLOW[True] - undo_slow, verified=True)

    def _fail_until(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            when, _, attempt = heapq.heappop(self._waiting)
            if attempt in self._in_time:
                self._in_time.discard(attempt)
            else:
                self._learn(attempt, when, _FAST[False], _SLOW[False], verified=False)

    def _learn(self, attempt: Attempt, at: float, fast: float, slow: float, *, verified: bool) -> None:
        for key in _keys(attempt):
            self._ratios[key].decay(at)
            self._ratios[key].learn(key[0], fast=fast, slow=slow, verified=verified)


def _keys(attempt: Attempt) -> list[Key]:
    number = attempt.number
    code = len(country_code(number[1:4])) + 1
    return [
        ("country", number[:code]),
        ("area", number[: code + 2]),
        ("operator", number[: code + 3]),
        ("range", number[: code + 4]),
        ("10,000", number[:-4]),
        ("1,000", number[:-3]),
        ("address", attempt.ip),
    ]
