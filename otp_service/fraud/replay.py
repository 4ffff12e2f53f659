"""Replays past traffic against a policy, and sums up what it cost: the attack's money and the honest people refused."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from otp_service.fraud.event_file import Event
from otp_service.fraud.guard import EXPIRES_AFTER, Decision
from otp_service.fraud.policies import End, Outcome, Policy

_CONTAINED = Decimal("0.05")
"""An attack is contained while it spends less than this share of what it would spend undefended."""
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Summary:
    """What a policy let through and refused. Spend is in EUR; times are in seconds from the attack's first attempt.

    `seconds_to_first_block` is None if no attempt of the attack was refused. `seconds_to_contain` is None if the attack
    was never contained: it is the end of the last minute in which it spent 5 % or more of what it would have spent.
    """

    attack_sends: int
    attack_allowed: int
    attack_spend: Decimal
    undefended_attack_spend: Decimal
    legit_sends: int
    legit_refused: int
    legit_refused_share: float
    seconds_to_first_block: float | None
    seconds_to_contain: float | None


def replay(events: Iterable[Event], policy: Policy) -> Iterator[Decision]:
    """Yield the policy's decision about each event.

    The policy learns the outcome of what it allowed, before the first later event: verified when the code was typed
    in, or expired after 300 seconds. A send that is challenged counts as refused.
    """
    due: list[tuple[float, int, Outcome]] = []
    for place, event in enumerate(events):
        while due and due[0][0] <= event.attempt.at:
            policy.learn(heapq.heappop(due)[2])
        decision = policy.decide(event.attempt)
        if decision.is_allowed:
            outcome = _outcome(event, decision)
            heapq.heappush(due, (outcome.at, place, outcome))
        yield decision


def summarize(events: Sequence[Event], decisions: Sequence[Decision]) -> Summary:
    """Sum up a replay."""
    decided = [(event, decision.is_allowed) for event, decision in zip(events, decisions, strict=True)]
    attack = [(event, is_allowed) for event, is_allowed in decided if event.is_attack]
    legit = [is_allowed for event, is_allowed in decided if not event.is_attack]
    start = attack[0][0].attempt.at if attack else 0.0
    blocked = (event.attempt.at - start for event, is_allowed in attack if not is_allowed)
    refused = legit.count(False)
    return Summary(
        attack_sends=len(attack),
        attack_allowed=sum(is_allowed for _, is_allowed in attack),
        attack_spend=sum((event.price for event, is_allowed in attack if is_allowed), Decimal()),
        undefended_attack_spend=sum((event.price for event, _ in attack), Decimal()),
        legit_sends=len(legit),
        legit_refused=refused,
        legit_refused_share=refused / len(legit) if legit else 0.0,
        seconds_to_first_block=next(blocked, None),
        seconds_to_contain=_seconds_to_contain(attack, start),
    )


def _outcome(event: Event, decision: Decision) -> Outcome:
    after, sent_at = event.verified_after, event.attempt.at
    if after is not None and after <= EXPIRES_AFTER:
        return Outcome(sent_at + after, End.VERIFIED, event.attempt, decision)
    return Outcome(sent_at + EXPIRES_AFTER, End.EXPIRED, event.attempt, decision)


def _seconds_to_contain(attack: Sequence[tuple[Event, bool]], start: float) -> float | None:
    spent: defaultdict[int, Decimal] = defaultdict(Decimal)
    undefended: defaultdict[int, Decimal] = defaultdict(Decimal)
    for event, is_allowed in attack:
        minute = int((event.attempt.at - start) // _MINUTE)
        undefended[minute] += event.price
        spent[minute] += event.price if is_allowed else 0
    if not undefended:
        return None
    open_minutes = [minute for minute, money in spent.items() if money and money >= _CONTAINED * undefended[minute]]
    last_open = max(open_minutes, default=-1)
    return None if last_open == max(undefended) else float((last_open + 1) * _MINUTE)
