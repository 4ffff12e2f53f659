"""The rules that a replay can follow: ours and none. Others fulfil the same protocol."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from otp_service.fraud import guard
from otp_service.fraud.attempt import Attempt
from otp_service.fraud.guard import Action, Decision, Reason
from otp_service.fraud.node import Node


class End(StrEnum):
    """How an allowed send ends."""

    VERIFIED = "verified"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a send ended that a policy allowed: when (seconds since 1970), and the decision about it."""

    at: float
    end: End
    attempt: Attempt
    decision: Decision


class Policy(Protocol):
    """Rules about sends. They see an attempt at its time, and the outcome of those that they allowed."""

    def decide(self, attempt: Attempt) -> Decision:
        """Decide about an attempt. If the decision allows it, the message is sent at once."""

    def learn(self, outcome: Outcome) -> None:
        """Learn how a send ended. Attempts and outcomes come in the order of their times."""


class Guard:
    """The fraud guard with its nodes in memory."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}

    def decide(self, attempt: Attempt) -> Decision:
        """Decide as the service does, and fold the send or the refusal."""
        decision = guard.decide(attempt, self.nodes)
        fold = guard.fold_sent if decision.is_allowed else guard.fold_refused
        fold(guard.send_of(attempt, decision), self.nodes)
        return decision

    def learn(self, outcome: Outcome) -> None:
        """Fold an outcome."""
        send = guard.send_of(outcome.attempt, outcome.decision)
        fold = guard.fold_verified if outcome.end is End.VERIFIED else guard.fold_expired
        fold(send, outcome.at, self.nodes)


class AllowEverything:
    """No guard at all."""

    def decide(self, attempt: Attempt) -> Decision:
        """Allow it."""
        del attempt
        return Decision(Action.ALLOW, Reason.UNREMARKABLE, ())

    def learn(self, outcome: Outcome) -> None:
        """Learn from it what there is to learn for these rules."""


POLICIES: Mapping[str, Callable[[], Policy]] = {"guard": Guard, "none": AllowEverything}
