"""The second factor of a recovery: whoever set one up has to prove it besides the code on the phone."""

import uuid
from dataclasses import dataclass
from typing import Any

from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import registry
from otp_service.factors.contract import Ask, Proof
from otp_service.recovery.errors import SecondFactorRequired
from otp_service.verifications import Purpose


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client shows: a method's word, and what the factor's `answer` loaded."""

    method: str
    shown: dict[str, Any]


def prove(user_id: int, answer: Answer | None, *, code_id: uuid.UUID, client: ClientInfo) -> Proof | None:
    """The proof of a second factor, None for an account that has none. Call it only after a right code.

    Never the phone: one channel does not count twice. A backup code will do. Bound to the code that was sent, so
    that nothing offered for another recovery serves here. Raises SecondFactorRequired and what Factor.prove raises.
    """
    if not registry.chosen(user_id):
        return None
    ask = Ask(user_id=user_id, purpose=Purpose.PASSWORD_RESET, bound_to=code_id, client=client)
    methods = registry.beside_the_phone(user_id)
    if answer is None or answer.method not in methods:
        raise SecondFactorRequired(extra={"methods": list(methods), "options": _options(ask, methods)})
    return registry.prove(ask, method=answer.method, answer=answer.shown)


def _options(ask: Ask, methods: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """By method, what the client needs before it can answer."""
    factors = {method: registry.of_word(method) for method in methods}
    return {method: factor.offer(ask) for method, factor in factors.items() if factor.has_offer}
