"""The second factor of a recovery: whoever set one up has to prove it besides the code on the phone."""

import uuid
from dataclasses import dataclass
from typing import Any

from otp_service.core.errors import InvalidInput
from otp_service.core.schema import load
from otp_service.core.tracing import ClientInfo
from otp_service.factors import registry
from otp_service.factors.contract import Ask, Proof, Use
from otp_service.recovery.errors import SecondFactorRequired


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client shows: a method's name and the fields that prove it."""

    method: str
    fields: dict[str, Any]


def prove(user_id: int, answer: Answer | None, *, code_id: uuid.UUID, client: ClientInfo) -> Proof | None:
    """The proof of a second factor, None for an account that has none. Call it only after a right code.

    Never the phone: one channel does not count twice. A backup code will do. Bound to the code that was sent, so
    that nothing offered for another recovery serves here. Raises SecondFactorRequired and what Factor.prove raises.
    """
    if not registry.chosen(user_id):
        return None
    ask = Ask(user_id=user_id, use=Use.RECOVERY, bound_to=code_id, client=client)
    methods = registry.beside_the_phone(user_id)
    if answer is None or answer.method not in methods:
        raise SecondFactorRequired(extra={"methods": list(methods), "options": _options(ask, methods)})
    factor = registry.get_by_method(user_id, answer.method)
    try:
        shown = load(factor.answer(), answer.fields)
    except InvalidInput as error:
        raise _of_the_answer(error) from error
    return factor.prove(ask, shown)


def _options(ask: Ask, methods: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """By method, what the client needs before it can answer."""
    offers = {method: registry.get_by_method(ask.user_id, method).offer(ask) for method in methods}
    return {method: offer for method, offer in offers.items() if offer is not None}


def _of_the_answer(error: InvalidInput) -> InvalidInput:
    fields: dict[str, list[str]] = {}
    for fault in error.extra.get("errors", []):
        fields.setdefault(f"secondFactor.{fault['field']}", []).append(fault["message"])
    return InvalidInput(fields=fields)
