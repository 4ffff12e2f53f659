"""Decides about a send in the service, and carries the decision out as FRAUD_MODE says (ADR 46, 47).

| FRAUD_MODE | prefixes are not verified: deny | ... challenge; clients do not verify         | an operator's rules |
|------------|---------------------------------|----------------------------------------------|---------------------|
| unset      | refused                         | recorded alone                               | carried out         |
| `enforce`  | refused                         | refused; a challenge passes with other proof | carried out         |
| `shadow`   | recorded alone                  | recorded alone                               | carried out         |
| `off`      | not looked at                   | not looked at                                | not looked at       |

The guard never refuses the code of a sign-in or a step-up to a number that its account has verified. In a new service
it refuses nothing until codes that are not verified have cost CREDIT_OF_NEW_SERVICE.
"""

import logging
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from otp_service.core.database.transactions import run_after_rollback
from otp_service.core.services import settings
from otp_service.fraud import blocks, folding, prefix_rules, sends
from otp_service.fraud.attempt import CLIENT_DEPTHS, OF_SERVICE, Attempt, depth_of
from otp_service.fraud.blocks import Refusal
from otp_service.fraud.errors import DestinationBlocked
from otp_service.fraud.guard import Action, Decision, Reason, decide
from otp_service.fraud.looking import View, look
from otp_service.fraud.node import Node
from otp_service.fraud.prefix_rules import Rule, RuleAction
from otp_service.fraud.sends import Findings
from otp_service.fraud.settings import FraudSettings, Mode

NEW_SERVICE = 50.0
"""A service that has verified fewer codes (decayed over weeks) is new: it cannot tell yet what is usual."""
CREDIT_OF_NEW_SERVICE, CODES_OF_NEW_SERVICE = 5.0, 100.0
"""So many EUR, and so many codes, may stay without verification in a new service before anything is refused."""
_BY_RULE = {RuleAction.ALLOW: "allow_list", RuleAction.DENY: "deny_list"}
"""The reasons of an operator's rules."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message that is asked for: where to, from which address (empty if unknown), how, and at which price.

    `has_other_proof`: who asks has shown more than the number, so that a challenge lets it pass. `is_own_number`: the
    account has verified this number, and who asks has its password or a session.
    """

    number: str
    ip: str
    channel: str
    price: Decimal
    has_other_proof: bool = False
    is_own_number: bool = False

    def attempt(self, at: datetime) -> Attempt:
        """Return what the guard decides about."""
        return sends.attempt_in(sends.block_of(self.number), at=at, ip=self.ip, channel=self.channel, price=self.price)


class Screening:
    """The guard's part in one send. Use it around the transaction that reserves the message.

    When the block ends, what the nodes have not learned is folded, if much waits: no worker need run.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._found: Findings | None = None
        self._backlog = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._backlog >= folding.FOLDED_BY_REQUESTS_FROM:
            try:
                folding.fold()
            except SQLAlchemyError as failed:
                # The send stands: what was not folded stays due.
                log.warning("fraud.not_folded", extra={"reason": type(failed).__name__, "backlog": self._backlog})

    def check(self, *, at: datetime) -> bool:
        """Return False if an operator's rule denies the send. Raises DestinationBlocked.

        In the open transaction, with one SELECT. A refusal is recorded after the rollback.
        """
        if settings().of(FraudSettings).mode is Mode.OFF:
            return True
        view = look(self._wanted.number, self._wanted.attempt(at), now=at)
        self._backlog = view.backlog
        found = self._found = findings(self._wanted, view, at=at)
        acted = found.acted
        if acted.action is Action.ALLOW:
            return True
        run_after_rollback(lambda: _record_refusal(found, at))
        _log(found, view.rules)
        if found.rule is not None:
            return False
        left = None if acted.ends_at is None else acted.ends_at - found.attempt.at
        is_challenge = acted.action is Action.CHALLENGE
        raise DestinationBlocked(reason=acted.reason, retry_after_seconds=left, is_challenge=is_challenge)

    def record(self, send_id: uuid.UUID, *, at: datetime) -> None:
        """Store the send with its inputs and the decision, in the open transaction."""
        if self._found is not None:
            sends.add(send_id, self._found, at=at)


def findings(wanted: Wanted, view: View, *, at: datetime) -> Findings:
    """Return what the guard finds about a message at a time, and what is done about it."""
    attempt = wanted.attempt(at)
    if view.rules:
        # What an operator decided says nothing about the range: it is counted nowhere.
        action = RuleAction(view.rules[0].action)
        decision = Decision(Action(action), Reason.UNREMARKABLE, ())
        return Findings(wanted.number, attempt, decision, decision, _BY_RULE[action])
    decision = decide(attempt, view.nodes)
    return Findings(wanted.number, attempt, decision, _acted(wanted, attempt, decision, view))


def _acted(wanted: Wanted, attempt: Attempt, decision: Decision, view: View) -> Decision:
    """Return what is carried out of a decision."""
    mode = settings().of(FraudSettings).mode
    if decision.action is Action.ALLOW:
        return decision
    if wanted.is_own_number:
        # Else a stranger who asks for codes to a customer's prefix would lock the customer out (ADR 47). The limits per
        # number and the spend cap bound what this can cost.
        return replace(decision, action=Action.ALLOW, reason=Reason.UNREMARKABLE)
    if _has_credit(attempt, view.nodes.get(OF_SERVICE)):
        return replace(decision, action=Action.ALLOW, reason=Reason.UNREMARKABLE)
    if mode is Mode.DESTINATIONS:
        # Decided again without the client: else a client that is only recorded would hide a prefix that refuses.
        decision = decide(
            attempt, {key: node for key, node in view.nodes.items() if depth_of(key) not in CLIENT_DEPTHS}
        )
    is_carried_out = {
        Mode.ENFORCE: decision.action is Action.DENY or not wanted.has_other_proof,
        Mode.DESTINATIONS: decision.action is Action.DENY,
    }
    if decision.action is Action.ALLOW or is_carried_out.get(mode, False):
        return decision
    return replace(decision, action=Action.ALLOW, reason=Reason.UNREMARKABLE)


def _has_credit(attempt: Attempt, service: Node | None) -> bool:
    """Return whether the service is new, and the codes that were not verified in the last day cost little.

    The first customers all come at once, and none of their prefixes is known.
    """
    if service is None:
        return True
    codes = service.lasting_failed + service.pending_count + 1
    is_new = service.usual_verified < NEW_SERVICE
    return is_new and codes <= CODES_OF_NEW_SERVICE and codes * attempt.price <= CREDIT_OF_NEW_SERVICE


def _record_refusal(found: Findings, now: datetime) -> None:
    sends.add_refusal(found, at=now)
    acted = found.acted
    if acted.key is not None and acted.evidence is not None:
        blocks.begin(found.attempt, Refusal(acted.key, acted.reason, acted.evidence), is_enforced=True, at=now)


def _log(found: Findings, of_number: tuple[Rule, ...]) -> None:
    if of_number:
        rule = of_number[0]
        facts = {"prefix": prefix_rules.shown(rule.prefix), "rule": rule.reason, "author": rule.author}
        log.info("fraud.denied_by_rule", extra={**facts, "ip": found.attempt.ip})
        return
    acted = found.acted
    facts = blocks.recorded(acted.key, acted.evidence, until=acted.ends_at) if acted.key and acted.evidence else {}
    log.info("fraud.refused", extra={"action": acted.action, "reason": acted.reason, **facts})
