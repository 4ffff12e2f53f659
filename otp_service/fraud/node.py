"""What is remembered of one prefix or one client: decayed counts of codes verified, failed and pending."""

import math
from dataclasses import dataclass, field
from typing import Self

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
RECENT, LASTING, USUAL = 20 * MINUTE, 12 * HOUR, 7 * DAY
"""The half-lives in seconds: of a burst, of a slow drip, and of what is usual at a place."""
SLOT = 10.0
"""Pending codes are counted by the ten seconds in which they were sent."""
JUDGED_AFTER = 120.0
"""A code that is still pending at this age counts as failed. If it is verified later, that is corrected."""
FIRST_PROBE, NEXT_PROBE = 10 * MINUTE, 3 * MINUTE
PROBE_WEIGHT = 4.0
"""The end of a probe counts so many times more: it stands for all those that were refused meanwhile."""
QUIET = 2.0**-12
"""A place is quiet when fewer attempts than this are left of the short window: hours after the last one."""
_FADED = 0.05
"""A node whose counts have all decayed below this decides like a new one."""


@dataclass(slots=True)
class Node:
    """The counts of one key, as they stood at `at` (seconds since 1970).

    `since` is when its first code was sent. `probe_at` is when a block lets the next probe through.
    """

    at: float = 0.0
    since: float = 0.0
    recent_verified: float = 0.0
    recent_failed: float = 0.0
    recent_refused: float = 0.0
    lasting_verified: float = 0.0
    lasting_failed: float = 0.0
    usual_verified: float = 0.0
    usual_failed: float = 0.0
    probe_at: float = 0.0
    probe_wait: float = FIRST_PROBE
    pending: dict[int, int] = field(default_factory=dict)

    @property
    def recent_asked(self) -> float:
        """Return how many attempts the short window has, without those whose codes are pending."""
        return self.recent_verified + self.recent_failed + self.recent_refused

    @property
    def pending_count(self) -> int:
        """Return how many codes are pending."""
        return sum(self.pending.values())

    def advance(self, now: float) -> None:
        """Decay the counts to a later time, and count codes as failed that have been pending for too long."""
        self._decay(now)
        if self.pending and (min(self.pending) + 1) * SLOT + JUDGED_AFTER <= now:
            for slot in [slot for slot in self.pending if (slot + 1) * SLOT + JUDGED_AFTER <= now]:
                self._fail(self.pending.pop(slot), now - (slot + 1) * SLOT - JUDGED_AFTER)
        if self.lasting_failed and not self.pending and self.recent_asked < QUIET:
            self._forget_failures()

    def add_sent(self, at: float) -> None:
        """Count one more pending code. The node must have been advanced to `at`."""
        self.since = self.since or at
        slot = int(at // SLOT)
        self.pending[slot] = self.pending.get(slot, 0) + 1

    def add_verified(self, sent_at: float) -> None:
        """Turn a code into a verified one, also if it had been counted as failed."""
        self.remove(sent_at)
        self.recent_verified += 1
        self.lasting_verified += 1
        self.usual_verified += 1

    def remove(self, sent_at: float) -> None:
        """Forget that a code was sent: it is verified now, or its message never left."""
        slot = int(sent_at // SLOT)
        if slot in self.pending:
            self.pending[slot] -= 1
            if not self.pending[slot]:
                del self.pending[slot]
        else:
            self._fail(-1, max(0.0, self.at - (slot + 1) * SLOT - JUDGED_AFTER))

    def add_refused(self, count: int = 1) -> None:
        """Count attempts that this node refused. The node must have been advanced to their time."""
        self.recent_refused += count

    def await_probe(self, now: float, longest: float) -> None:
        """Note that a block let a probe through: the next one has to wait longer."""
        self.probe_at = now + self.probe_wait
        self.probe_wait = min(2 * self.probe_wait, longest)

    def add_probe(self, *, is_verified: bool) -> None:
        """Learn from the end of a probe, besides its code: it stands for all those that were refused meanwhile."""
        if is_verified:
            self.recent_verified += PROBE_WEIGHT
            self.lasting_verified += PROBE_WEIGHT
            self.probe_at, self.probe_wait = self.at, NEXT_PROBE
        else:
            self.lasting_failed += PROBE_WEIGHT

    def is_faded(self, now: float) -> bool:
        """Whether the node can be deleted: it has decayed so far that a new one decides the same."""
        self.advance(now)
        counts = (self.lasting_verified, self.lasting_failed, self.usual_verified, self.usual_failed)
        return not self.pending and now >= self.probe_at and all(count < _FADED for count in counts)

    def to_text(self) -> str:
        """Return the node in a compact form for `from_text`."""
        times = (f"{value:.3f}".rstrip("0").rstrip(".") for value in (self.at, self.since, self.probe_at))
        counts = (f"{getattr(self, name):.6g}" for name in _COUNTS)
        return ";".join((*times, *counts, ",".join(f"{slot}:{count}" for slot, count in self.pending.items())))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the node that `to_text` wrote. Raises ValueError for any other text."""
        *numbers, pending = text.split(";")
        at, since, probe_at, *counts = map(float, numbers)
        slots = (slot.split(":") for slot in pending.split(",") if slot)
        node = cls(at=at, since=since, probe_at=probe_at, pending={int(slot): int(count) for slot, count in slots})
        for name, count in zip(_COUNTS, counts, strict=True):
            setattr(node, name, count)
        return node

    def _decay(self, now: float) -> None:
        passed = now - self.at
        if passed <= 0:
            return
        self.at = now
        recent, lasting, usual = math.exp2(-passed / RECENT), math.exp2(-passed / LASTING), math.exp2(-passed / USUAL)
        self.recent_verified *= recent
        self.recent_failed *= recent
        self.recent_refused *= recent
        self.lasting_verified *= lasting
        self.lasting_failed *= lasting
        self.usual_verified *= usual
        self.usual_failed *= usual

    def _forget_failures(self) -> None:
        """Begin as if no code had failed lately: a block does not outlast its attack by more than hours."""
        self.usual_failed = max(0.0, self.usual_failed - self.lasting_failed)
        self.lasting_failed = 0.0
        self.probe_at, self.probe_wait = 0.0, FIRST_PROBE

    def _fail(self, count: int, ago: float) -> None:
        self.recent_failed = max(0.0, self.recent_failed + count * math.exp2(-ago / RECENT))
        self.lasting_failed = max(0.0, self.lasting_failed + count * math.exp2(-ago / LASTING))
        self.usual_failed = max(0.0, self.usual_failed + count * math.exp2(-ago / USUAL))


_COUNTS = (
    "recent_verified",
    "recent_failed",
    "recent_refused",
    "lasting_verified",
    "lasting_failed",
    "usual_verified",
    "usual_failed",
    "probe_wait",
)
