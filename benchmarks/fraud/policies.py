"""The rules that are compared: none, limits on requests, a budget of unverified codes, a sequential test, and ours."""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping

from benchmarks.fraud.sequential import SequentialTest
from benchmarks.fraud.unverified_budget import UnverifiedBudget
from benchmarks.fraud.verdict import verdict
from otp_service.fraud.attempt import Attempt
from otp_service.fraud.guard import Decision
from otp_service.fraud.policies import AllowEverything, Guard, Outcome, Policy

_HOUR = 3600.0
_DAY = 24 * _HOUR


class SlidingLimit:
    """At most `most` sends in any `seconds`."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._taken: deque[float] = deque()

    def has_room(self, now: float) -> bool:
        """Whether another send fits in at `now`."""
        while self._taken and self._taken[0] <= now - self._seconds:
            self._taken.popleft()
        return len(self._taken) < self._most

    def take(self, now: float) -> None:
        """Count a send."""
        self._taken.append(now)


class LimitPerNumberAndAddress:
    """The limits of requests that this service had before: by number and by address, an hour and a day."""

    def __init__(self) -> None:
        self._numbers: defaultdict[str, list[SlidingLimit]] = defaultdict(
            lambda: [SlidingLimit(5, _HOUR), SlidingLimit(10, _DAY)]
        )
        self._addresses: defaultdict[str, list[SlidingLimit]] = defaultdict(
            lambda: [SlidingLimit(20, _HOUR), SlidingLimit(480, _DAY)]
        )

    def decide(self, attempt: Attempt) -> Decision:
        """Allow a send that fits into all four limits."""
        limits = self._numbers[attempt.number] + self._addresses[attempt.ip]
        is_allowed = all(limit.has_room(attempt.at) for limit in limits)
        if is_allowed:
            for limit in limits:
                limit.take(attempt.at)
        return verdict(is_allowed=is_allowed)

    def learn(self, outcome: Outcome) -> None:
        """Outcomes mean nothing to a limit of requests."""


class ThirtyAnHour:
    """One limit for the whole service."""

    def __init__(self) -> None:
        self._limit = SlidingLimit(30, _HOUR)

    def decide(self, attempt: Attempt) -> Decision:
        """Allow the first thirty sends of any hour."""
        is_allowed = self._limit.has_room(attempt.at)
        if is_allowed:
            self._limit.take(attempt.at)
        return verdict(is_allowed=is_allowed)

    def learn(self, outcome: Outcome) -> None:
        """Outcomes mean nothing to a limit of requests."""


NONE, OURS, TO_BEAT = "none", "guard", "sequential test"
POLICIES: Mapping[str, Callable[[], Policy]] = {
    NONE: AllowEverything,
    "limits": LimitPerNumberAndAddress,
    "30 an hour": ThirtyAnHour,
    "unverified budget": UnverifiedBudget,
    TO_BEAT: SequentialTest,
    OURS: Guard,
}
# The bar compares with the best of these.
OTHERS = (NONE, "limits", "30 an hour", "unverified budget")
