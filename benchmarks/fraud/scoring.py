"""What a policy cost in one scenario: money, honest people refused, and the time until the attack was contained."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from benchmarks.fraud.events import ATTACK, Event
from benchmarks.fraud.unverified_budget import country_code
from otp_service.fraud.attempt import Attempt
from otp_service.fraud.event_file import Event as Row
from otp_service.fraud.policies import Policy
from otp_service.fraud.replay import replay

HOUR = 3600.0
PER_REFUSAL = 1.0
"""EUR for each honest person refused."""
CONTAINED = 0.05
_MESSAGES_A_SLICE = 40


@dataclass(frozen=True)
class Score:
    """A policy's result. `inseparable` are refusals of honest people whom the attack outnumbered in their range.

    Money is in EUR. `seconds_to_contain` is infinite when the attack went on to its end, and None without an attack.
    """

    lost: float
    undefended: float
    attack_sends: int
    people: int
    refused: int
    inseparable: int
    seconds_to_contain: float | None

    @property
    def harm(self) -> float:
        """Money lost, and 1 EUR for each honest person refused who could be told apart."""
        return self.lost + PER_REFUSAL * self.refused


def score(events: Sequence[Event], policy: Policy) -> Score:
    """Replay the events against a policy. Each honest send that is refused counts as a person."""
    allowed = [decision.is_allowed for decision in replay(map(_row, events), policy)]
    hidden = outnumbered(events)
    turned_away = [_range_and_hour(event) in hidden for event, is_allowed in zip(events, allowed, strict=True)
                   if not is_allowed and event.label != ATTACK]  # fmt: skip
    attack = [(event, is_allowed) for event, is_allowed in zip(events, allowed, strict=True) if event.label == ATTACK]
    return Score(
        lost=sum(event.price for event, is_allowed in attack if is_allowed),
        undefended=sum(event.price for event, _ in attack),
        attack_sends=len(attack),
        people=len(events) - len(attack),
        refused=turned_away.count(False),
        inseparable=turned_away.count(True),
        seconds_to_contain=_seconds_to_contain(attack) if attack else None,
    )


def outnumbered(events: Sequence[Event]) -> set[tuple[str, int]]:
    """The ranges and hours in which the attack sent more messages than honest people did."""
    counts: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for event in events:
        counts[_range_and_hour(event)][event.label] += 1
    return {place for place, labels in counts.items() if 2 * labels[ATTACK] > labels.total()}


def _range_and_hour(event: Event) -> tuple[str, int]:
    """The country code and four digits, and the hour."""
    return event.number[: 1 + len(country_code(event.number[1:4])) + 4], int(event.at // HOUR)


def _seconds_to_contain(attack: Sequence[tuple[Event, bool]]) -> float:
    """From the first message to the end of the last slice of time in which 5 % of the money or more got through.

    A slice is a minute, or longer where the attack sends fewer than 40 messages a minute: else a single probe of a
    slow attack would count as an open door.
    """
    start, end = attack[0][0].at, attack[-1][0].at
    slice_seconds = max(60.0, (end - start) * _MESSAGES_A_SLICE / len(attack))
    slices: defaultdict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for event, is_allowed in attack:
        spent = slices[int((event.at - start) // slice_seconds)]
        spent[0] += event.price if is_allowed else 0.0
        spent[1] += event.price
    last = max((n for n, (lost, asked) in slices.items() if lost >= CONTAINED * asked), default=-1)
    return math.inf if last == max(slices) else (last + 1) * slice_seconds


def _row(event: Event) -> Row:
    return Row(
        attempt=Attempt(event.at, event.number, event.ip, event.channel, event.price),
        at_text="",
        price=Decimal(f"{event.price:.4f}"),
        verified_after=event.verified_after,
        is_attack=event.label == ATTACK,
    )
